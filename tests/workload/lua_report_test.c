/*
 * lua_report_test.c -- results made by hand, and what Lua gets of them.
 */
#include "cmocka_all.h"

#include <lauxlib.h>
#include <string.h>

#include "workload/lua_workload.h"

static lua_State *L;
static engine_result_t result;

static int
setup(void **state) {
    (void)state;
    memset(&result, 0, sizeof(result));
    L = luaL_newstate();
    return L == NULL;
}

static int
teardown(void **state) {
    (void)state;
    lua_close(L);
    return 0;
}

/* The number at a.b.c of the table at the bottom of the stack. */
static double
number(const char *a, const char *b, const char *c) {
    const char *path[] = {a, b, c};
    lua_settop(L, 1);
    for (size_t i = 0; i < 3 && path[i] != NULL; i++) {
        lua_getfield(L, -1, path[i]);
    }
    assert_true(lua_isnumber(L, -1));
    return lua_tonumber(L, -1);
}

static void
assert_within(double got, double wanted, double share) {
    if (got < wanted * (1 - share) || got > wanted * (1 + share)) {
        fail_msg("got %g, wanted %g", got, wanted);
    }
}

/* 1 .. 100000 ns, once each. */
static void
test_percentiles(void **state) {
    (void)state;
    for (uint64_t ns = 1; ns <= 100000; ns++) {
        histogram_add(&result.latency.single[CALL_REALLOC], ns);
    }
    lua_report_result(L, &result);
    assert_within(number("latency", "realloc", "p50"), 50000, 0.009);
    assert_within(number("latency", "realloc", "p90"), 90000, 0.009);
    assert_within(number("latency", "realloc", "p99"), 99000, 0.004);
    assert_within(number("latency", "realloc", "p99_9"), 99900, 0.004);
    assert_true(number("latency", "realloc", "max") == 100000);
    assert_true(number("latency", "realloc", "mean") == 50000.5);
    assert_true(number("latency", "realloc", "count") == 100000);
    lua_settop(L, 1);
    lua_getfield(L, 1, "latency");
    assert_int_equal(lua_getfield(L, 2, "malloc"), LUA_TNIL);
}

/* A tail of one in 500: p99 is below it, p99.9 is in it. One in 2000: p99.9 is below it, too. */
static void
test_tail(void **state) {
    (void)state;
    for (int i = 0; i < 10000; i++) {
        histogram_add(&result.latency.single[CALL_MALLOC], i % 500 == 0 ? 1000000 : 100);
        histogram_add(&result.latency.single[CALL_FREE], i % 2000 == 0 ? 1000000 : 100);
    }
    lua_report_result(L, &result);
    assert_true(number("latency", "malloc", "p99") == 100);
    assert_within(number("latency", "malloc", "p99_9"), 1000000, 0.009);
    assert_true(number("latency", "free", "p99_9") == 100);
    assert_true(number("latency", "free", "max") == 1000000);
}

static void
test_scalars(void **state) {
    (void)state;
    result.total = (engine_status_t){.state = ENGINE_DONE, .seconds = 2, .scale = 3, .rate = 4, .ops = 500};
    result.total.ops_per_s = 300;
    result.total.executing = 1.25;
    result.total.preparing = 0.5;
    result.total.clocking = 0.125;
    result.total.live_bytes = 6;
    result.total.live_blocks = 7;
    result.total.failures = 8;
    result.total.capped = 9;
    result.total.handed = 10;
    result.total.checked = 11;
    result.total.errors = 12;
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        result.total.calls[kind] = 20 + kind;
    }
    result.clock_cost = 30;
    result.max_lag = 1500000000;
    result.peak_rss = 31;
    result.base_rss = 32;
    result.failed_sets = 33;
    lua_report_result(L, &result);
    static const struct {
        const char *name;
        double value;
    } wanted[] = {
        {"seconds", 2},   {"scale", 3},     {"rate", 4},         {"ops", 500},       {"ops_per_s", 300},
        {"live", 6},      {"blocks", 7},    {"failures", 8},     {"capped", 9},      {"handed", 10},
        {"checked", 11},  {"errors", 12},   {"executing", 1.25}, {"preparing", 0.5}, {"clocking", 0.125},
        {"clock_ns", 30}, {"max_lag", 1.5}, {"peak_rss", 31},    {"base_rss", 32},   {"failed_sets", 33},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (number(wanted[i].name, NULL, NULL) != wanted[i].value) {
            fail_msg("%s is %g, wanted %g", wanted[i].name, number(wanted[i].name, NULL, NULL), wanted[i].value);
        }
    }
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        assert_true(number("calls", call_names[kind], NULL) == (double)(20 + kind));
    }
    assert_true(number("verify", "errors", NULL) == 12);
    lua_settop(L, 1);
    assert_int_equal(lua_getfield(L, 1, "state"), LUA_TNIL);
}

static void
test_timeline(void **state) {
    (void)state;
    const timeline_entry_t entries[] = {
        {.time = 1500000000, .rss = 1, .live = 2, .engine = 3, .ops = 4},
        {.time = 2000000000,
         .allocator = true,
         .allocated = 60,
         .active = 80,
         .dirty = 7,
         .muzzy = 8,
         .retained = 9,
         .mark = "here"},
    };
    lua_report_timeline(L, entries, 2);
    assert_int_equal(lua_rawlen(L, 1), 2);
    lua_rawgeti(L, 1, 1);
    lua_replace(L, 1);
    assert_true(number("t", NULL, NULL) == 1.5);
    assert_true(number("rss", NULL, NULL) == 1 && number("live", NULL, NULL) == 2);
    assert_true(number("engine", NULL, NULL) == 3 && number("ops", NULL, NULL) == 4);
    lua_settop(L, 1);
    assert_int_equal(lua_getfield(L, 1, "allocated"), LUA_TNIL);
    assert_int_equal(lua_getfield(L, 1, "mark"), LUA_TNIL);
    lua_settop(L, 0);
    lua_report_timeline(L, entries, 2);
    lua_rawgeti(L, 1, 2);
    lua_replace(L, 1);
    assert_true(number("fragmentation", NULL, NULL) == 0.25);
    assert_true(number("dirty", NULL, NULL) == 7 && number("muzzy", NULL, NULL) == 8);
    assert_true(number("retained", NULL, NULL) == 9);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_percentiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeline, setup, teardown),
    };
    return cmocka_run_group_tests_name("workload/lua_report", tests, NULL, NULL);
}

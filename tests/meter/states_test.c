/*
 * states_test.c -- Lua states on meters: made on one, moved to one and back while they run; limits that are too low,
 * memory that is refused, finalizers at the end, several threads.
 */
#include "meters.h"

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <string.h>
#include <stdlib.h>

static void
do_lua(lua_State *L, const char *code) {
    assert_int_equal(luaL_dostring(L, code), LUA_OK);
}

/* Builds, grows and drops what Lua has. Returns a number that depends on all of it. */
static const char script[] = "local t = {} "
                             "for i = 1, 300 do "
                             "  t[i] = { i, name = ('x'):rep(i), f = function() return i end } "
                             "  if i % 50 == 0 then "
                             "    t[i].c = coroutine.wrap(function(a) coroutine.yield(a + 1) end) "
                             "    t[i].n = t[i].c(i) "
                             "  end "
                             "end "
                             "local s = {} "
                             "for i, v in ipairs(t) do s[#s + 1] = v.name .. v.f() + (v.n or 0) end "
                             "for i = 1, 250 do t[i] = nil end "
                             "return #table.concat(s)";

static lua_Integer
run_script(lua_State *L) {
    assert_int_equal(luaL_dostring(L, script), LUA_OK);
    lua_Integer result = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return result;
}

/* For each n, all memory is refused from the n-th request on. The state reports it, and closes. */
static void
test_states_when_memory_is_refused(void **state) {
    (void)state;
    int failures = 0;
    for (long n = 1; n < 60; n++) {
        lunalloc_meter_t *meter = new_meter(0);
        uint32_t arena = meter->heap.memory.arena;
        make_refusing(meter);
        until_refused = n;
        lua_State *L = lua_newstate(lunalloc_lua_alloc, meter);
        if (L != NULL) {
            failures += luaL_dostring(L, script) != LUA_OK;
            lua_gc(L, LUA_GCCOLLECT);
            assert_true(heap_check(&meter->heap));
            lua_close(L);
        }
        meter->heap.memory.api = real;
        assert_int_equal(meter->total, 0);
        lunalloc_meter_free(meter);
        assert_true(arena_is_empty(arena));
    }
    assert_true(failures > 5);
}

/* ---- states ---- */

static void
test_newstate_gives_everything_back(void **state) {
    (void)state;
    lunalloc_lua_options_t options = {.limit = 1 << 20};
    lua_State *L = lunalloc_lua_newstate(&options);
    assert_non_null(L);
    luaL_openlibs(L);
    lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    assert_non_null(meter);
    uint32_t arena = meter->heap.memory.arena;
    lua_Integer first = run_script(L);
    assert_int_equal(run_script(L), first);
    assert_int_equal(meter->total, (lua_gc(L, LUA_GCCOUNT) << 10) + lua_gc(L, LUA_GCCOUNTB));
    assert_true(arena_exists(arena));
    lua_close(L);
    assert_true(arena_is_empty(arena));
}

/* A small state is in the shared arena. A large one has an arena of its own, and gives both back. */
static void
test_large_state_has_its_own_arena(void **state) {
    (void)state;
    lua_State *small = lunalloc_lua_newstate(NULL), *L = lunalloc_lua_newstate(NULL);
    luaL_openlibs(L);
    const lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    uint32_t shared = meter->heap.memory.arena;
    assert_int_equal(lunalloc_lua_meter(small)->heap.memory.arena, shared);
    do_lua(L, "kept = {} for i = 1, 2500 do kept[i] = { i } end"); /* 350 KB */
    assert_int_equal(meter->heap.memory.arena, shared);
    do_lua(L, "for i = 2501, 25000 do kept[i] = { i } end");
    uint32_t own = meter->heap.memory.arena;
    assert_int_not_equal(own, shared);
    assert_false(arena_is_empty(own));
    lua_close(small);
    assert_false(arena_is_empty(shared));
    lua_close(L);
    assert_false(arena_exists(own));
    assert_true(arena_is_empty(shared));
}

/* A first block that is large, and one that grows. */
static void
test_large_block_is_in_an_own_arena(void **state) {
    (void)state;
    for (size_t size = 4 << 10; size <= 4 << 20; size *= 32) {
        lunalloc_meter_t *meter = new_meter(0);
        uint32_t shared = meter->heap.memory.arena;
        void *block = lunalloc_lua_alloc(meter, NULL, 0, size);
        memset(block, 1, size);
        block = lunalloc_lua_alloc(meter, block, size, 5 << 20);
        uint32_t own = meter->heap.memory.arena;
        assert_int_not_equal(own, shared);
        assert_true(arena_is_empty(shared));
        assert_null(lunalloc_lua_alloc(meter, block, 5 << 20, 0));
        lunalloc_meter_free(meter);
        assert_false(arena_exists(own));
    }
}

/* Limits at which no state, or no library fits. */
static void
test_newstate_at_any_limit(void **state) {
    (void)state;
    int made = 0;
    for (size_t limit = 256; limit < 40000; limit += 256) {
        lunalloc_lua_options_t options = {.place = LUNALLOC_LUA_SHARED, .limit = limit};
        lua_State *L = lunalloc_lua_newstate(&options);
        if (L != NULL) {
            made++;
            (void)!luaL_dostring(L, "local t = {} while true do t[#t + 1] = {} end");
            lunalloc_meter_stats_t stats;
            lunalloc_meter_stats(lunalloc_lua_meter(L), &stats);
            assert_true(stats.peak <= limit);
            lua_close(L);
        }
    }
    assert_true(made > 100);
}

/* An allocator that counts its bytes, as the one that a state had before. */
typedef struct {
    size_t bytes;
    long blocks;
} counted_t;

static void *
counted_alloc(void *context, void *block, size_t old_size, size_t new_size) {
    counted_t *counted = context;
    counted->bytes -= block != NULL ? old_size : 0;
    counted->bytes += new_size;
    counted->blocks += (new_size != 0) - (block != NULL);
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

static lua_State *
counted_state(counted_t *counted) {
    lua_State *L = lua_newstate(counted_alloc, counted);
    assert_non_null(L);
    luaL_openlibs(L);
    return L;
}

static void
test_adopted_state_frees_both(void **state) {
    (void)state;
    counted_t counted = {0};
    lua_State *L = counted_state(&counted);
    lua_Integer expected = run_script(L);
    do_lua(L, "kept = {} for i = 1, 500000 do kept[i] = { i } end");
    assert_true(counted.blocks > 1000000); /* foreign blocks */
    char message[100] = "";
    lunalloc_meter_t *meter = lunalloc_lua_adopt(L, NULL, message, sizeof(message));
    assert_non_null(meter);
    uint32_t arena = meter->heap.memory.arena;
    assert_int_equal(meter->foreign, counted.bytes);
    assert_null(lunalloc_lua_adopt(L, NULL, message, sizeof(message)));
    assert_string_equal(message, "this state has a meter already");
    assert_int_equal(run_script(L), expected);
    do_lua(L, "for i = 1, #kept, 2 do kept[i] = { kept[i][1] } end");
    lua_gc(L, LUA_GCCOLLECT);
    assert_int_equal(meter->foreign, counted.bytes);
    assert_int_equal(meter->total, (lua_gc(L, LUA_GCCOUNT) << 10) + lua_gc(L, LUA_GCCOUNTB));
    assert_true(heap_check(&meter->heap));
    uint32_t own = meter->heap.memory.arena;
    assert_int_not_equal(own, arena);
    lua_close(L);
    assert_int_equal(counted.bytes, 0);
    assert_true(arena_is_empty(arena));
    assert_false(arena_exists(own));
}

/* Moves to a meter and back, several times, with blocks of each alive. */
static void
test_adopted_and_closed_in_turn(void **state) {
    (void)state;
    counted_t counted = {0};
    lua_State *L = counted_state(&counted);
    lua_Integer expected = run_script(L);
    uint32_t arenas[5];
    for (int i = 0; i < 5; i++) {
        lunalloc_meter_t *meter = lunalloc_lua_adopt(L, NULL, NULL, 0);
        assert_non_null(meter);
        arenas[i] = meter->heap.memory.arena;
        assert_int_equal(run_script(L), expected);
        do_lua(L, "all = { all, ('x'):rep(5000), {} }");
        meter_close(meter);
        assert_int_equal(run_script(L), expected);
        do_lua(L, "all = { all, ('y'):rep(5000), {} }");
    }
    lua_close(L);
    assert_int_equal(counted.bytes, 0);
    for (int i = 0; i < 5; i++) {
        assert_true(arena_is_empty(arenas[i]));
    }
}

/* A meter that is closed gives its arena back as soon as its last block has left, while the state lives on. */
static void
test_closed_meter_ends_with_its_last_block(void **state) {
    (void)state;
    counted_t counted = {0};
    lua_State *L = counted_state(&counted);
    lua_gc(L, LUA_GCCOLLECT);
    lunalloc_meter_t *meter = lunalloc_lua_adopt(L, NULL, NULL, 0);
    uint32_t arena = meter->heap.memory.arena;
    do_lua(L, "x = {} for i = 1, 1000 do x[i] = { i } end");
    meter_close(meter);
    do_lua(L, "x = nil for i = 1, 300 do _G['name' .. i] = i end collectgarbage()");
    if (meter->total == 0) {
        assert_true(arena_is_empty(arena));
    } else {
        assert_true(meter->total < 4000); /* names that were made meanwhile, or the like */
    }
    lua_close(L);
    assert_int_equal(counted.bytes, 0);
    assert_true(arena_is_empty(arena));
}

/* Finalizers that allocate all they can get while the state closes: they get up to the limit, and not more. */
static void
test_finalizers_at_the_end_stay_within_the_limit(void **state) {
    (void)state;
    enum {
        LIMIT = 300000
    };
    lunalloc_meter_t *meter = new_meter(LIMIT);
    lua_State *L = lua_newstate(lunalloc_lua_alloc, meter);
    luaL_openlibs(L);
    do_lua(L, "for i = 1, 100 do "
              "  setmetatable({}, { __gc = function() "
              "    local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(i) end "
              "  end }) "
              "end");
    lunalloc_meter_stats_t stats;
    lunalloc_meter_stats(meter, &stats);
    assert_true(stats.peak < LIMIT / 2);
    uint32_t arena = meter->heap.memory.arena;
    lua_setwarnf(L, NULL, NULL);
    lua_close(L);
    lunalloc_meter_stats(meter, &stats);
    assert_true(stats.failures >= 100); /* each finalizer has met the limit */
    assert_in_range(stats.peak, LIMIT - (64 << 10), LIMIT);
    assert_int_equal(stats.allocated, 0);
    lunalloc_meter_free(meter);
    assert_true(arena_is_empty(arena));
}

/* ---- the soft limit ---- */

static int soft_calls;

static void
count_call(lua_State *L, void *context) {
    assert_ptr_equal(context, &soft_calls);
    assert_non_null(lunalloc_lua_meter(L));
    soft_calls++;
}

static void
test_soft_limit_calls_a_function_of_the_host(void **state) {
    (void)state;
    lunalloc_lua_options_t options = {.soft = 1 << 20, .on_soft = count_call, .context = &soft_calls};
    soft_calls = 0;
    lua_State *L = lunalloc_lua_newstate(&options);
    luaL_openlibs(L);
    for (int round = 1; round <= 3; round++) {
        do_lua(L, "local t = {} for i = 1, 30000 do t[i] = { i } end");
        assert_int_equal(soft_calls, round);
        do_lua(L, "collectgarbage() collectgarbage()");
    }
    lua_close(L);
}

/* ---- threads ---- */

static void *
run_states(void *argument) {
    lua_Integer *result = argument;
    for (int i = 0; i < 20; i++) {
        lunalloc_lua_options_t options = {.place = i % 2 ? LUNALLOC_LUA_SHARED : LUNALLOC_LUA_NEW};
        lua_State *L = lunalloc_lua_newstate(&options);
        luaL_openlibs(L);
        do_lua(L, script);
        *result += lua_tointeger(L, -1);
        lua_close(L);
    }
    return NULL;
}

static void
test_states_on_threads(void **state) {
    (void)state;
    enum {
        NTHREADS = 4
    };
    pthread_t threads[NTHREADS];
    lua_Integer results[NTHREADS] = {0};
    for (int i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_states, &results[i]), 0);
    }
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], results[0]);
    }
    assert_true(results[0] > 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_when_memory_is_refused),
        cmocka_unit_test(test_newstate_gives_everything_back),
        cmocka_unit_test(test_large_state_has_its_own_arena),
        cmocka_unit_test(test_large_block_is_in_an_own_arena),
        cmocka_unit_test(test_newstate_at_any_limit),
        cmocka_unit_test(test_adopted_state_frees_both),
        cmocka_unit_test(test_adopted_and_closed_in_turn),
        cmocka_unit_test(test_closed_meter_ends_with_its_last_block),
        cmocka_unit_test(test_finalizers_at_the_end_stay_within_the_limit),
        cmocka_unit_test(test_soft_limit_calls_a_function_of_the_host),
        cmocka_unit_test(test_states_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tcache_depth_test.c -- the rules of adaptive depth, one by one, on a structure of the test's own. */
#include "../api/support.h"
#include "thread/tcache_depth.h"

static void *slots[1024];

static cache_cold_t
stack_of(uint8_t lg_slots, uint8_t fill_shift) {
    return (cache_cold_t){.slots = slots, .lg_slots = lg_slots, .fill_shift = fill_shift};
}

/* A class of objects that share no cache line. */
static uint32_t
large_objects(void) {
    return sc_index(256);
}

static void
test_sizes_of_stacks(void **state) {
    (void)state;
    uint32_t lg = 0, szind = sc_index(16);
    cache_cold_t none = {0}, eight = stack_of(3, 0);
    assert_true(depth_next(&none, szind, &lg));
    assert_int_equal(lg, config_torture ? 0 : DEPTH_LG_FIRST);
    assert_int_equal(depth_next(&eight, szind, &lg), !config_torture);
    assert_int_equal(lg, 4);
    while (depth_allows(szind, lg)) {
        lg++;
    }
    cache_cold_t largest = stack_of((uint8_t)(lg - 1), 0);
    assert_false(depth_next(&largest, szind, &lg));
}

/* 2^fill_shift objects, at most half of the stack, at least a cache line of them; less what the stack holds. */
static void
test_missing(void **state) {
    (void)state;
    cache_cold_t none = {0}, small = stack_of(3, 1), full = stack_of(3, 3), deep = stack_of(7, 4);
    assert_int_equal(depth_missing(&none, large_objects(), 0), 0);
    assert_int_equal(depth_missing(&small, large_objects(), 0), 2);
    assert_int_equal(depth_missing(&small, large_objects(), 1), 1);
    assert_int_equal(depth_missing(&small, large_objects(), 2), 0);
    assert_int_equal(depth_missing(&full, large_objects(), 0), 4);
    assert_int_equal(depth_missing(&deep, large_objects(), 0), 16);
    assert_int_equal(depth_missing(&small, sc_index(16), 0), CACHELINE / 16);
    assert_int_equal(depth_missing(&small, sc_index(8), 0), sc.size[sc_index(8)] == 8 ? 8 : CACHELINE / 16);
}

/* A burst: at most twice as many requests since the last refill as it served. */
static void
test_bursts(void **state) {
    (void)state;
    cache_cold_t cold = stack_of(5, 2);
    depth_note_fill(&cold, UINT32_MAX - 3, 7);
    assert_true(depth_in_burst(&cold, UINT32_MAX - 3 + 16));
    assert_false(depth_in_burst(&cold, UINT32_MAX - 3 + 17));
    depth_adapt_fill(&cold, UINT32_MAX - 3 + 16);
    assert_int_equal(cold.fill_shift, 3);
    depth_adapt_fill(&cold, UINT32_MAX - 3 + 17);
    depth_adapt_fill(&cold, UINT32_MAX - 3 + 17);
    assert_int_equal(cold.fill_shift, 1);
    depth_adapt_fill(&cold, UINT32_MAX - 3 + 17);
    depth_adapt_fill(&cold, UINT32_MAX - 3 + 17);
    assert_int_equal(cold.fill_shift, 0);
}

/* The stack grows when half of it is asked for, in bursts, and up to the depth for one-way traffic. */
static void
test_refills_grow(void **state) {
    (void)state;
    cache_cold_t room = stack_of(5, 3), half = stack_of(5, 4), one_way = stack_of(DEPTH_LG_ONE_WAY, 6);
    assert_false(depth_refill_grows(&room, 0));
    assert_true(depth_refill_grows(&half, 0));
    assert_false(depth_refill_grows(&half, 1000));
    assert_false(depth_refill_grows(&one_way, 0));
    depth_adapt_fill(&half, 0);
    assert_int_equal(half.fill_shift, 4);
}

/* A deep stack grows on overflow only if objects were allocated from it since the last one. */
static void
test_overflows(void **state) {
    (void)state;
    cache_cold_t small = stack_of(DEPTH_LG_ONE_WAY - 1, 0), deep = stack_of(DEPTH_LG_ONE_WAY, 0);
    assert_true(depth_overflow_grows(&small, 5));
    assert_true(depth_overflow_grows(&small, 5));
    assert_true(depth_overflow_grows(&deep, 5));
    assert_false(depth_overflow_grows(&deep, 5));
    assert_true(depth_overflow_grows(&deep, 6));
    assert_int_equal(depth_after_overflow(&deep), 1U << (DEPTH_LG_ONE_WAY - 1));
}

static void
test_foreign_first(void **state) {
    (void)state;
    assert_true(depth_foreign_first(false, sc_index(16)));
    assert_false(depth_foreign_first(true, sc_index(16)));
    assert_false(depth_foreign_first(false, sc_index(64)));
    assert_false(depth_foreign_first(false, large_objects()));
}

/* Idle: no request since the last look, and a stack to collect. */
static void
test_idle(void **state) {
    (void)state;
    cache_cold_t none = {0}, cold = stack_of(5, 3);
    assert_false(depth_is_idle(&none, 0));
    assert_false(depth_is_idle(&cold, 9));
    assert_int_equal(cold.fill_shift, 3);
    assert_true(depth_is_idle(&cold, 9));
    assert_int_equal(cold.fill_shift, 0);
    assert_false(depth_is_idle(&cold, 10));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_of_stacks),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_refills_grow),
        cmocka_unit_test(test_overflows),
        cmocka_unit_test(test_foreign_first),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests_name("tcache_depth", tests, boot_allocator, NULL);
}

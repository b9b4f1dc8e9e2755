/* tcache_depth_test.c -- the rules of adaptive depth, one by one, on a structure of the test's own. */
#include "../api/support.h"
#include "thread/tcache_depth.h"

static void *slots[1024];

static cache_cold_t
stack_of(uint8_t lg_slots, uint8_t fill_shift) {
    return (cache_cold_t){.slots = slots, .lg_slots = lg_slots, .fill_shift = fill_shift & 31U};
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
    while (depth_allows(szind, lg) && depth_is_usual(&none, szind, lg)) {
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

/* The most slots without round trips. */
static uint8_t
lg_usual(uint32_t szind) {
    cache_cold_t none = {0};
    uint8_t lg = 0;
    while (depth_is_usual(&none, szind, lg + 1U)) {
        lg++;
    }
    return lg;
}

/* The usual limits are those of slots and of bytes; steady round trips allow twice as much, and then twice as much
 * again, up to the options' limits. */
static void
test_usual_limits(void **state) {
    (void)state;
    uint32_t lg;
    assert_int_equal(lg_usual(sc_index(16)), DEPTH_LG_USUAL);
    assert_int_equal(lg_usual(sc_index(1024)), 6);
    assert_int_equal(1 << lg_usual(sc_index(32768)), DEPTH_SLOTS_ALWAYS);
    for (size_t size = 16; size <= 32768; size *= 4) {
        uint32_t szind = sc_index(size);
        cache_cold_t cold = stack_of(lg_usual(szind), 0);
        for (unsigned doubling = 1; doubling <= 2; doubling++) {
            cold.trips = (doubling * DEPTH_TRIPS - 1) & DEPTH_TRIPS_MAX;
            assert_false(depth_next(&cold, szind, &lg));
            cold.trips++;
            assert_int_equal(depth_next(&cold, szind, &lg), depth_allows(szind, lg));
            cold.lg_slots++;
        }
        assert_true(config_torture || depth_allows(szind, cold.lg_slots));
        assert_false(depth_allows(szind, cold.lg_slots + 1U));
    }
}

/* From an overflow to a refill in at most as many requests as the stack has slots, and the one that is refilled for. */
static void
test_round_trips(void **state) {
    (void)state;
    uint32_t szind = sc_index(16), early = UINT32_MAX - 100, most = 1U << DEPTH_LG_USUAL;
    cache_cold_t cold = stack_of(DEPTH_LG_USUAL, 0);
    depth_note_fill(&cold, early, 7);
    depth_overflow_grows(&cold, early + 50);
    for (unsigned i = 1; i <= DEPTH_TRIPS; i++) {
        assert_false(depth_note_trip(&cold, szind, early + 51 + most));
        assert_int_equal(cold.trips, i);
    }
    assert_false(depth_note_trip(&cold, szind, early + 52 + most));
    assert_int_equal(cold.trips, DEPTH_TRIPS); /* it may grow now */
    cold.lg_slots++;
    for (unsigned i = 1; i <= 10; i++) {
        assert_false(depth_note_trip(&cold, szind, early + 150));
        cold.lg_slots = cold.trips == 2 * DEPTH_TRIPS ? DEPTH_LG_USUAL + 2 : cold.lg_slots;
    }
    assert_int_equal(cold.trips, DEPTH_TRIPS_MAX);
}

/* An overflow after which objects are mostly freed and requested in turns; only the first refill after it counts. */
static void
test_other_overflows(void **state) {
    (void)state;
    uint32_t szind = sc_index(16);
    cache_cold_t cold = stack_of(DEPTH_LG_USUAL, 0);
    cold.trips = 2;
    depth_overflow_grows(&cold, 50);
    assert_false(depth_note_trip(&cold, szind, 52 + (1U << DEPTH_LG_USUAL)));
    assert_int_equal(cold.trips, 1);
    depth_note_fill(&cold, 52 + (1U << DEPTH_LG_USUAL), 7);
    assert_false(depth_note_trip(&cold, szind, 5000));
    assert_int_equal(cold.trips, 1);
    depth_overflow_grows(&cold, 6000);
    assert_false(depth_note_trip(&cold, szind, 9000));
    assert_false(depth_note_trip(&cold, szind, 9000));
    assert_int_equal(cold.trips, 0);
    cold.trips = DEPTH_TRIPS;
    cold.lg_slots++;
    assert_true(depth_note_trip(&cold, szind, 9000));
}

/* Without round trips a stack has the usual size, or less. */
static void
test_round_trips_are_forgotten(void **state) {
    (void)state;
    uint32_t szind = sc_index(16);
    for (unsigned more = 0; more <= 2; more++) {
        cache_cold_t cold = stack_of((uint8_t)(DEPTH_LG_USUAL + more), 0);
        cold.trips = DEPTH_TRIPS_MAX;
        assert_int_equal(depth_forget_trips(&cold, szind), DEPTH_LG_USUAL);
        assert_int_equal(cold.trips, 0);
    }
    cache_cold_t small = stack_of(5, 0);
    assert_int_equal(depth_forget_trips(&small, szind), 5);
}

/* A stack that may still grow has no use for round trips. */
static void
test_round_trips_of_growing_stacks(void **state) {
    (void)state;
    cache_cold_t cold = stack_of(DEPTH_LG_USUAL - 1, 0);
    cold.overflowed = 50;
    assert_false(depth_note_trip(&cold, sc_index(16), 100));
    assert_int_equal(cold.trips, 0);
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
    cold.trips = 2;
    assert_true(depth_is_idle(&cold, 9));
    assert_int_equal(cold.fill_shift, 0);
    assert_int_equal(cold.trips, 0);
    assert_false(depth_is_idle(&cold, 10));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_of_stacks),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_refills_grow),
        cmocka_unit_test(test_usual_limits),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_other_overflows),
        cmocka_unit_test(test_round_trips_are_forgotten),
        cmocka_unit_test(test_round_trips_of_growing_stacks),
        cmocka_unit_test(test_overflows),
        cmocka_unit_test(test_foreign_first),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests_name("tcache_depth", tests, boot_allocator, NULL);
}

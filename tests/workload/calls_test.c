/*
 * calls_test.c -- calls are counted all and timed some, and the clock's cost is taken off what is timed.
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "workload/calls.h"

static const heap_t heap = {
    .name = "process",
    .malloc = malloc,
    .calloc = calloc,
    .aligned_alloc = aligned_alloc,
    .realloc = realloc,
    .free = free,
};

static calls_t calls;

static void
init(uint32_t sample, uint64_t cost) {
    memset(&calls, 0, sizeof(calls));
    calls_init(&calls, &heap, sample, cost, 0);
}

/* n mallocs and frees, and one of each other kind. */
static void
make_calls(size_t n) {
    for (size_t i = 0; i < n; i++) {
        calls_free(&calls, calls_malloc(&calls, 100));
    }
    void *block = calls_realloc(&calls, calls_calloc(&calls, 100), 200);
    calls_free(&calls, block);
    calls_free(&calls, calls_aligned(&calls, 64, 128));
}

static void
assert_counts(size_t n) {
    assert_int_equal(counter_get(&calls.count[CALL_MALLOC]), n);
    assert_int_equal(counter_get(&calls.count[CALL_CALLOC]), 1);
    assert_int_equal(counter_get(&calls.count[CALL_ALIGNED]), 1);
    assert_int_equal(counter_get(&calls.count[CALL_REALLOC]), 1);
    assert_int_equal(counter_get(&calls.count[CALL_FREE]), n + 2);
}

static void
test_every_call_timed(void **state) {
    (void)state;
    init(1, 0);
    make_calls(1000);
    assert_counts(1000);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        assert_int_equal(calls.latency[kind].count, counter_get(&calls.count[kind]));
    }
    assert_true(calls.latency[CALL_MALLOC].total > 0);
}

/* The clock's cost is measured apart and may be above a single measurement: 0, not an underflow. */
static void
test_clock_cost_above_what_is_measured(void **state) {
    (void)state;
    init(1, (uint64_t)1 << 62);
    make_calls(1000);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        assert_true(calls.latency[kind].count > 0);
        assert_int_equal(calls.latency[kind].max, 0);
        assert_int_equal(calls.latency[kind].total, 0);
    }
}

/* The mean gap is `sample`, and gaps differ: of 2 * 50000 calls about a 16th is timed. */
static void
test_some_calls_timed(void **state) {
    (void)state;
    init(16, 0);
    make_calls(50000);
    assert_counts(50000);
    uint64_t timed = calls.latency[CALL_MALLOC].count + calls.latency[CALL_FREE].count;
    assert_in_range(timed, 100000 / 16 * 0.9, 100000 / 16 * 1.1);
    assert_in_range(calls.latency[CALL_MALLOC].count, 50000 / 16 * 0.8, 50000 / 16 * 1.2);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_timed),
        cmocka_unit_test(test_clock_cost_above_what_is_measured),
        cmocka_unit_test(test_some_calls_timed),
    };
    return cmocka_run_group_tests_name("workload/calls", tests, NULL, NULL);
}

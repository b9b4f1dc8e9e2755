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
static latency_t latency;
static _Atomic uint32_t segment;

static void
init(uint32_t sample, uint64_t cost) {
    memset(&calls, 0, sizeof(calls));
    memset(&latency, 0, sizeof(latency));
    calls_init(&calls, &heap, sample, cost, 0);
    calls_measure_into(&calls, &latency, &segment);
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
        assert_int_equal(latency.single[kind].count, counter_get(&calls.count[kind]));
    }
    assert_true(latency.single[CALL_MALLOC].total > 0);
}

/* The clock's cost is measured apart and may be above a single measurement: 0, not an underflow. */
static void
test_clock_cost_above_what_is_measured(void **state) {
    (void)state;
    init(1, (uint64_t)1 << 62);
    make_calls(1000);
    for (size_t kind = 0; kind <= CALL_FREE; kind++) { /* of the kind after that, this heap has none */
        assert_true(latency.single[kind].count > 0);
        assert_int_equal(latency.single[kind].max, 0);
        assert_int_equal(latency.single[kind].total, 0);
    }
}

/* The mean gap is `sample`, and gaps differ: of 2 * 50000 calls about a 16th is timed. */
static void
test_some_calls_timed(void **state) {
    (void)state;
    init(16, 0);
    make_calls(50000);
    assert_counts(50000);
    uint64_t timed = latency.single[CALL_MALLOC].count + latency.single[CALL_FREE].count;
    assert_in_range(timed, 100000 / 16 * 0.9, 100000 / 16 * 1.1);
    assert_in_range(latency.single[CALL_MALLOC].count, 50000 / 16 * 0.8, 50000 / 16 * 1.2);
}

/* A batch is timed as a whole: its duration stands for 16 calls, also if it has fewer; below 8 it tells nothing. */
static void
test_batches(void **state) {
    (void)state;
    size_t sizes[CALLS_BATCH];
    void *blocks[CALLS_BATCH];
    for (size_t i = 0; i < CALLS_BATCH; i++) {
        sizes[i] = 100;
    }
    init(16, 0);
    for (size_t n = 1; n <= CALLS_BATCH; n++) {
        calls_allocate_batch(&calls, n % 2 == 0 ? CALL_MALLOC : CALL_CALLOC, sizes, blocks, n);
        calls_defer_frees(&calls);
        for (size_t i = 0; i < n; i++) {
            calls_free(&calls, blocks[i]);
        }
        calls_free_batch(&calls);
    }
    assert_int_equal(counter_get(&calls.count[CALL_MALLOC]), 2 + 4 + 6 + 8 + 10 + 12 + 14 + 16);
    assert_int_equal(counter_get(&calls.count[CALL_CALLOC]), 1 + 3 + 5 + 7 + 9 + 11 + 13 + 15);
    assert_int_equal(counter_get(&calls.count[CALL_FREE]), 17 * 8);
    assert_int_equal(latency.batch[CALL_MALLOC].count, 5);
    assert_int_equal(latency.batch[CALL_CALLOC].count, 4);
    assert_int_equal(latency.batch[CALL_FREE].count, 9);
    assert_int_equal(latency.single[CALL_MALLOC].count, 0);
}

/* One operation in `sample` is in a batch; a run that times every call has none. */
static void
test_batches_due(void **state) {
    (void)state;
    size_t n = 0;
    init(16, 0);
    for (size_t i = 0; i < 256 * 1000; i++) {
        if (calls_batch_due(&calls)) {
            calls_next_batch(&calls);
            n++;
        }
    }
    assert_in_range(n, 900, 1100);
    init(1, 0);
    for (size_t i = 0; i < 100000; i++) {
        assert_false(calls_batch_due(&calls));
    }
}

/* Durations go to the segment at the time of their end. */
static void
test_segments(void **state) {
    (void)state;
    static latency_t two[2];
    memset(two, 0, sizeof(two));
    init(1, 0);
    calls_measure_into(&calls, two, &segment);
    make_calls(10);
    segment = 1;
    make_calls(20);
    calls_respond(&calls, 5);
    segment = 0;
    assert_int_equal(two[0].single[CALL_MALLOC].count, 10);
    assert_int_equal(two[1].single[CALL_MALLOC].count, 20);
    assert_int_equal(two[1].response.count, 1);
    latency_merge(&two[0], &two[1]);
    assert_int_equal(two[0].single[CALL_MALLOC].count, 30);
    assert_int_equal(two[0].response.count, 1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_timed), cmocka_unit_test(test_clock_cost_above_what_is_measured),
        cmocka_unit_test(test_some_calls_timed), cmocka_unit_test(test_batches),
        cmocka_unit_test(test_batches_due),      cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests_name("workload/calls", tests, NULL, NULL);
}

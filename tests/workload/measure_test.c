/*
 * measure_test.c -- percentiles stay within the promised error, whatever the magnitude; merging loses nothing.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workload/measure.h"
#include "workload/prng.h"

/* Of the value: half a bucket, and half a unit of rounding. */
static const double max_error = 1.0 / (2 * HISTOGRAM_SUB);

static void
assert_near(uint64_t got, uint64_t exact) {
    double error = fabs((double)got - (double)exact);
    if (error > max_error * (double)exact + 0.5) {
        fail_msg("got %llu, exact %llu", (unsigned long long)got, (unsigned long long)exact);
    }
}

static int
compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A single value, every power of two and its neighbours: its bucket stands for it within the error. */
static void
test_every_magnitude(void **state) {
    (void)state;
    static histogram_t histogram;
    for (int lg = 0; lg < HISTOGRAM_LG_MAX; lg++) {
        for (int64_t offset = -1; offset <= 1; offset++) {
            uint64_t value = ((uint64_t)1 << lg) + (uint64_t)offset;
            memset(&histogram, 0, sizeof(histogram));
            histogram_add(&histogram, value);
            histogram_add(&histogram, UINT64_MAX); /* so that max does not stand in for the bucket */
            assert_near(histogram_percentile(&histogram, 0.5), value);
        }
    }
}

static void
test_percentiles_of_many(void **state) {
    (void)state;
    enum {
        N = 100000
    };
    static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    static histogram_t histogram;
    uint64_t *values = malloc(N * sizeof(*values));
    prng_t prng;
    memset(&histogram, 0, sizeof(histogram));
    prng_seed(&prng, 1, 0);
    for (size_t i = 0; i < N; i++) { /* over ten decades */
        values[i] = (uint64_t)exp((double)(prng_next(&prng) >> 11) / 9007199254740992.0 * 23);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, N, sizeof(*values), compare);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        size_t rank = (size_t)ceil(shares[i] * N);
        assert_near(histogram_percentile(&histogram, shares[i]), values[rank - 1]);
    }
    assert_int_equal(histogram.count, N);
    assert_int_equal(histogram.max, values[N - 1]);
    free(values);
}

static void
test_empty_and_extreme(void **state) {
    (void)state;
    static histogram_t histogram;
    memset(&histogram, 0, sizeof(histogram));
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    histogram_add(&histogram, 0);
    assert_int_equal(histogram_percentile(&histogram, 0.99), 0);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 1), UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
}

/* A percentile is never above the largest value. */
static void
test_never_above_max(void **state) {
    (void)state;
    static histogram_t histogram;
    memset(&histogram, 0, sizeof(histogram));
    histogram_add(&histogram, 1 << 20);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 1 << 20);
}

static void
test_merge(void **state) {
    (void)state;
    static histogram_t a, b, both;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&both, 0, sizeof(both));
    for (uint64_t i = 0; i < 1000; i++) {
        histogram_add(i % 3 == 0 ? &a : &b, i * i);
        histogram_add(&both, i * i);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof(a));
}

/* The least value that at least such a share of all is not above. */
static void
test_percentiles_of_ten(void **state) {
    (void)state;
    static histogram_t histogram;
    histogram = (histogram_t){0};
    for (uint64_t value = 1; value <= 10; value++) {
        histogram_add(&histogram, value);
    }
    assert_int_equal(histogram_percentile(&histogram, 0.5), 5);
    assert_int_equal(histogram_percentile(&histogram, 0.51), 6);
    assert_int_equal(histogram_percentile(&histogram, 0.91), 10);
    assert_int_equal(histogram_percentile(&histogram, 0.99), 10);
}

/* ---- durations near the clock's own cost ---- */

static histogram_t single, batch;
static const durations_t durations = {.single = &single, .batch = &batch, .per_batch = 16, .clock_cost = 20};

static void
add(histogram_t *histogram, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++) {
        histogram_add(histogram, value);
    }
}

static void
assert_duration(double share, double ns, measured_t expected) {
    measured_t how;
    double got = durations_percentile(&durations, share, &how);
    assert_int_equal(how, expected);
    assert_true(fabs(got - ns) <= ns * max_error);
}

/* 60 calls at the clock's noise, 30 of 30 ns (noise, too), 10 of 1000 ns; batches say 5 ns, some 12 ns. */
static void
test_batches_tell_fast_calls(void **state) {
    (void)state;
    single = batch = (histogram_t){0};
    add(&single, 0, 60);
    add(&single, 30, 30);
    add(&single, 1000, 10);
    add(&batch, 80, 80);
    add(&batch, 192, 20);
    assert_duration(0.5, 5, MEASURED_BATCHED);
    assert_duration(0.9, 12, MEASURED_BATCHED);
    assert_duration(0.95, 1000, MEASURED_SINGLY);
}

/* A batch in which one call is slow does not make the fast ones slower than a single call that the clock can tell. */
static void
test_batches_are_bounded(void **state) {
    (void)state;
    single = batch = (histogram_t){0};
    add(&single, 0, 99);
    add(&single, 50, 1);
    add(&batch, 16 * 200, 10);
    assert_duration(0.5, 40, MEASURED_BATCHED);
    assert_duration(1, 50, MEASURED_SINGLY);
}

static void
test_without_batches_a_bound(void **state) {
    (void)state;
    measured_t how;
    single = batch = (histogram_t){0};
    add(&single, 0, 50);
    add(&single, 30, 50);
    assert_duration(0.5, 20, MEASURED_BELOW);
    assert_duration(0.9, 30, MEASURED_BELOW);
    assert_true(durations_mean(&durations, &how) == 20);
    assert_int_equal(how, MEASURED_BELOW);
    assert_true(durations_percentile(&(durations_t){.single = &batch, .batch = &batch}, 0.5, &how) == 1); /* never 0 */
}

static void
test_means(void **state) {
    (void)state;
    measured_t how;
    single = batch = (histogram_t){0};
    add(&single, 100, 10);
    assert_true(durations_mean(&durations, &how) == 100);
    assert_int_equal(how, MEASURED_SINGLY);
    add(&single, 0, 90);
    add(&batch, 80, 3);
    add(&batch, 160, 1);
    assert_true(durations_mean(&durations, &how) == 6.25);
    assert_int_equal(how, MEASURED_BATCHED);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_magnitude),         cmocka_unit_test(test_percentiles_of_many),
        cmocka_unit_test(test_percentiles_of_ten),      cmocka_unit_test(test_empty_and_extreme),
        cmocka_unit_test(test_never_above_max),         cmocka_unit_test(test_merge),
        cmocka_unit_test(test_batches_tell_fast_calls), cmocka_unit_test(test_batches_are_bounded),
        cmocka_unit_test(test_without_batches_a_bound), cmocka_unit_test(test_means),
    };
    return cmocka_run_group_tests_name("workload/measure", tests, NULL, NULL);
}

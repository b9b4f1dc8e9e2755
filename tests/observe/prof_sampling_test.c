/* prof_sampling_test.c -- the distribution of samples, against the mathematical library and against its own promise. */
#include "../api/support.h"
#include "observe/prof_sampling.h"

#include <math.h>

static const size_t sizes[] = {8, 16, 48, 320, 4096, 40960, 1 << 20, 1 << 27};
#define NSIZES (sizeof sizes / sizeof *sizes)

static double
probability(size_t size, unsigned lg) {
    return lg == 0 ? 1 : -expm1(-(double)size / exp2(lg));
}

static void
test_weight_is_one_in_p(void **state) {
    (void)state;
    for (unsigned lg = 0; lg <= PROF_LG_MAX; lg++) {
        for (size_t i = 0; i < NSIZES; i++) {
            double expected = 1 / probability(sizes[i], lg);
            double got = prof_sampling_weight(sizes[i], lg);
            if (fabs(got / expected - 1) > 1e-9) {
                fail_msg("size %zu, lg %u: %.17g, not %.17g", sizes[i], lg, got, expected);
            }
        }
    }
}

/* How many of n allocations are samples, by countdowns of at most `most`. */
static uint64_t
count_samples(size_t size, unsigned lg, uint64_t n, uint32_t most) {
    uint64_t samples = 0;
    for (uint64_t left = n; left > 0;) {
        uint32_t period = left < most ? (uint32_t)left : most;
        uint32_t at = prof_sampling_distance(size, period, lg);
        assert_true(at <= period);
        samples += at != 0;
        left -= at != 0 ? at : period;
    }
    return samples;
}

/* The number is binomial, however the countdowns are cut: within six standard deviations. */
static void
test_samples_are_binomial_however_countdowns_are_cut(void **state) {
    (void)state;
    static const uint32_t cuts[] = {1, 7, 512, 100000};
    uint64_t n = 200000;
    prof_sampling_seed(1);
    for (size_t i = 0; i < NSIZES; i++) {
        for (unsigned lg = 8; lg <= 24; lg += 4) {
            for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
                double p = probability(sizes[i], lg);
                double off = (double)count_samples(sizes[i], lg, n, cuts[k]) - (double)n * p;
                if (fabs(off) > 6 * sqrt((double)n * p * (1 - p)) + 1) {
                    fail_msg("size %zu, lg %u, cut %u: off by %g", sizes[i], lg, cuts[k], off);
                }
            }
        }
    }
}

static void
test_same_seed_same_draws(void **state) {
    (void)state;
    uint32_t first[100];
    prof_sampling_seed(42);
    for (size_t i = 0; i < 100; i++) {
        first[i] = prof_sampling_distance(100, UINT32_MAX, 16);
    }
    prof_sampling_seed(42);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(prof_sampling_distance(100, UINT32_MAX, 16), first[i]);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight_is_one_in_p),
        cmocka_unit_test(test_samples_are_binomial_however_countdowns_are_cut),
        cmocka_unit_test(test_same_seed_same_draws),
    };
    return cmocka_run_group_tests_name("observe/prof_sampling", tests, NULL, NULL);
}

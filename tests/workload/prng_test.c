/*
 * prng_test.c -- the random numbers are those of xoshiro256++, the same on every run, and different from stream to
 * stream.
 */
#include "cmocka_all.h"
#include "workload/prng.h"

/* The first outputs of the published algorithm from the state 1, 2, 3, 4. */
static void
test_reference(void **state) {
    (void)state;
    prng_t prng = {.state = {1, 2, 3, 4}};
    assert_int_equal(prng_next(&prng), 41943041u);
    assert_int_equal(prng_next(&prng), 58720359u);
    assert_int_equal(prng_next(&prng), 3588806011781223u);
    assert_int_equal(prng_next(&prng), 3591011842654386u);
}

static void
test_same_seed_same_numbers(void **state) {
    (void)state;
    prng_t a, b;
    prng_seed(&a, 42, 7);
    prng_seed(&b, 42, 7);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(prng_next(&a), prng_next(&b));
    }
}

static int
count_equal(uint64_t seed_a, uint64_t stream_a, uint64_t seed_b, uint64_t stream_b) {
    prng_t a, b;
    int equal = 0;
    prng_seed(&a, seed_a, stream_a);
    prng_seed(&b, seed_b, stream_b);
    for (int i = 0; i < 1000; i++) {
        equal += prng_next(&a) == prng_next(&b);
    }
    return equal;
}

static void
test_streams_differ(void **state) {
    (void)state;
    assert_int_equal(count_equal(1, 0, 1, 1), 0);
    assert_int_equal(count_equal(1, 0, 2, 0), 0);
    assert_int_equal(count_equal(0, 1, 1, 0), 0);
    assert_int_equal(count_equal(UINT64_MAX, 0, 0, 0), 0);
}

static void
test_below(void **state) {
    (void)state;
    prng_t prng;
    int seen[10] = {0};
    prng_seed(&prng, 3, 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = prng_below(prng_next(&prng), 10);
        assert_in_range(value, 0, 9);
        seen[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], 850, 1150); /* 5 standard deviations */
    }
    assert_int_equal(prng_below(UINT64_MAX, 10), 9);
    assert_int_equal(prng_below(0, 10), 0);
    assert_int_equal(prng_below(UINT64_MAX, 1), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests_name("workload/prng", tests, NULL, NULL);
}

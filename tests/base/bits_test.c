/* bits_test.c -- powers of two, against loops that count. */
#include "testing.h"

#include "base/bits.h"

static unsigned
slow_lg_floor(uint64_t x) {
    unsigned lg = 0;
    while (x > 1) {
        x /= 2;
        lg++;
    }
    return lg;
}

static void
check_lg(uint64_t x) {
    unsigned floor = slow_lg_floor(x);
    bool power = x == UINT64_C(1) << floor;
    assert_int_equal(lg_floor(x), floor);
    assert_int_equal(lg_ceil(x), power ? floor : floor + 1);
    assert_int_equal(is_pow2(x), power);
}

static void
test_logarithms(void **state) {
    (void)state;
    for (uint64_t x = 1; x <= 4096; x++) {
        check_lg(x);
    }
    for (unsigned lg = 12; lg < 64; lg++) {
        check_lg((UINT64_C(1) << lg) - 1);
        check_lg(UINT64_C(1) << lg);
        check_lg((UINT64_C(1) << lg) + 1);
    }
    check_lg(UINT64_MAX);
}

static void
test_zero(void **state) {
    (void)state;
    assert_int_equal(lg_ceil(0), 0);
    assert_false(is_pow2(0));
}

static void
test_alignment(void **state) {
    (void)state;
    for (uintptr_t pow2 = 1; pow2 <= 256; pow2 *= 2) {
        for (uintptr_t x = 0; x <= 1024; x++) {
            assert_int_equal(align_up(x, pow2), (x + pow2 - 1) / pow2 * pow2);
            assert_int_equal(align_down(x, pow2), x / pow2 * pow2);
        }
    }
}

static void
test_alignment_at_the_end(void **state) {
    (void)state;
    assert_int_equal(align_up(UINTPTR_MAX, 4096), 0);
    assert_int_equal(align_up(UINTPTR_MAX - 4095, 4096), UINTPTR_MAX - 4095);
    assert_int_equal(align_down(UINTPTR_MAX, 4096), UINTPTR_MAX - 4095);
    assert_int_equal(align_up((uintptr_t)1 << 46, (uintptr_t)1 << 46), (uintptr_t)1 << 46);
    assert_int_equal(align_up(((uintptr_t)1 << 46) + 1, (uintptr_t)1 << 46), (uintptr_t)1 << 47);
}

static void
test_trailing_zeros(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_int_equal(trailing_zeros(UINT64_C(1) << bit), bit);
        assert_int_equal(trailing_zeros(UINT64_MAX << bit), bit);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logarithms),     cmocka_unit_test(test_zero),
        cmocka_unit_test(test_alignment),      cmocka_unit_test(test_alignment_at_the_end),
        cmocka_unit_test(test_trailing_zeros),
    };
    return cmocka_run_group_tests_name("base/bits", tests, NULL, NULL);
}

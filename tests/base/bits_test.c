/*
 * bits_test.c -- powers of two, against loops that count; bitmaps, by random operations against an array of bool, at
 * sizes around the words' boundaries; division by multiplication, for every offset that can occur and around every
 * quotient that may.
 */
#include "configurations.h"

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

/* ---- bitmaps ---- */

#define MAX_BITS   200
#define OPERATIONS 3000

/* One word more than needed: its bits must never be seen, nor change. */
typedef struct {
    unsigned nbits;
    uint64_t words[BITMAP_WORDS(MAX_BITS) + 1];
    bool model[MAX_BITS];
} pair_t;

static unsigned
slow_next(const pair_t *pair, unsigned from) {
    while (from < pair->nbits && !pair->model[from]) {
        from++;
    }
    return from < pair->nbits ? from : pair->nbits;
}

static void
check_pair(const pair_t *pair) {
    for (unsigned i = 0; i < pair->nbits; i++) {
        assert_int_equal(bitmap_has(pair->words, i), pair->model[i]);
    }
    for (unsigned from = 0; from <= pair->nbits + 1; from++) {
        assert_int_equal(bitmap_next(pair->words, pair->nbits, from), slow_next(pair, from));
    }
}

static void
change(pair_t *pair, uint64_t *seed) {
    unsigned bit = random_below(seed, pair->nbits);
    bool add = random_below(seed, 3) == 0;
    if (add) {
        bitmap_add(pair->words, bit);
    } else {
        bitmap_del(pair->words, bit);
    }
    pair->model[bit] = add;
}

static void
check_size(unsigned nbits) {
    pair_t pair = {.nbits = nbits};
    uint64_t seed = nbits;
    pair.words[BITMAP_WORDS(nbits)] = UINT64_C(0x5555555555555555);
    check_pair(&pair);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        change(&pair, &seed);
        if (i % 8 == 0) {
            check_pair(&pair);
        }
    }
    assert_true(pair.words[BITMAP_WORDS(nbits)] == UINT64_C(0x5555555555555555));
}

static void
test_against_model(void **state) {
    (void)state;
    static const unsigned sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 160, MAX_BITS};
    for (unsigned i = 0; i < LENGTH(sizes); i++) {
        check_size(sizes[i]);
    }
}

static void
test_words(void **state) {
    (void)state;
    assert_int_equal(BITMAP_WORDS(0), 0);
    assert_int_equal(BITMAP_WORDS(1), 1);
    assert_int_equal(BITMAP_WORDS(64), 1);
    assert_int_equal(BITMAP_WORDS(65), 2);
}

/* ---- division ---- */

static void
check_divisor(uint64_t n, uint64_t d, uint64_t magic) {
    uint64_t quotient = div_by(n, magic);
    uint32_t same;
    bool divides = div_exactly(n, magic, &same);
    if (UNLIKELY(quotient != n / d || same != quotient || divides != (n % d == 0))) {
        expect(false, "quotient", n, quotient);
        expect(false, "divisor", d, magic);
    }
}

/* Interior offsets too: the index of a region must be right for any address within it. */
static void
body_offsets(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        uint64_t size = sc.size[i];
        uint32_t slab = atomic_get(&sc.slab_size[i]);
        for (uint64_t offset = 0; offset < slab; offset++) {
            check_divisor(offset, size, sc.magic[i]);
        }
    }
}

static void
test_every_offset_in_default_slabs(void **state) {
    (void)state;
    for_each_configuration(body_offsets);
}

/* The last and the first dividend of each quotient, which is where an approximation goes wrong first. */
static void
check_quotients(uint64_t d) {
    uint64_t magic = div_magic(d);
    for (uint64_t n = 0; n < DIV_MAX_N; n += d) {
        check_divisor(n, d, magic);
        check_divisor(n + d - 1 < DIV_MAX_N ? n + d - 1 : DIV_MAX_N - 1, d, magic);
    }
}

static void
body_largest_slabs(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_quotients(sc.size[i]);
    }
}

static void
test_quotients_in_largest_slabs(void **state) {
    (void)state;
    for_each_configuration(body_largest_slabs);
}

/* The documented range, whether it is used or not. */
static void
test_any_divisor(void **state) {
    (void)state;
    failure = (failure_t){.what = NULL};
    for (uint64_t d = 2; d <= 2048; d++) {
        check_quotients(d);
    }
    for (uint64_t d = 2049; d <= DIV_MAX_D; d += 61) {
        check_quotients(d);
    }
    for (uint64_t d = DIV_MAX_D - 100; d <= DIV_MAX_D; d++) {
        check_quotients(d);
    }
    assert_null(failure.what);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logarithms),
        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_alignment_at_the_end),
        cmocka_unit_test(test_trailing_zeros),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_offset_in_default_slabs),
        cmocka_unit_test(test_quotients_in_largest_slabs),
        cmocka_unit_test(test_any_divisor),
    };
    return cmocka_run_group_tests_name("base/bits", tests, NULL, NULL);
}

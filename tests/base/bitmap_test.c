/* bitmap_test.c -- random operations against an array of bool, at sizes around the words' boundaries. */
#include "testing.h"

#include "base/bitmap.h"

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

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests_name("base/bitmap", tests, NULL, NULL);
}

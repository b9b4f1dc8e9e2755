/* nearest_test.c -- edit distance by its definition, and which names are near. */
#include "testing.h"

#include "base/nearest.h"

#include <string.h>

static uint32_t
min2(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* By the definition, without a table: no edit within a swapped pair. */
static uint32_t
plain_distance(const char *a, const char *b) {
    if (*a == '\0' || *b == '\0') {
        return (uint32_t)(strlen(a) + strlen(b));
    }
    uint32_t best = plain_distance(a + 1, b + 1) + (*a != *b);
    best = min2(best, plain_distance(a + 1, b) + 1);
    best = min2(best, plain_distance(a, b + 1) + 1);
    bool swapped = a[1] != '\0' && b[1] != '\0' && a[0] == b[1] && a[1] == b[0];
    return swapped ? min2(best, plain_distance(a + 2, b + 2) + 1) : best;
}

static void
test_edits(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (unsigned i = 0; i < 300; i++) {
        char words[2][7];
        for (unsigned w = 0; w < 2; w++) {
            size_t n = random_below(&seed, 7);
            for (size_t k = 0; k < n; k++) {
                words[w][k] = (char)('a' + random_below(&seed, 3));
            }
            words[w][n] = '\0';
        }
        assert_int_equal(nearest_edits(words[0], words[1]), plain_distance(words[0], words[1]));
    }
    assert_int_equal(nearest_edits("Narenas", "narenas"), 0);
    assert_int_equal(nearest_edits("naernas", "narenas"), 1);
    assert_int_equal(nearest_edits("NAernas", "narenas"), 1);
}

static void
test_edits_of_long_names(void **state) {
    (void)state;
    char longest[NEAREST_MAX + 1], longer[NEAREST_MAX + 2];
    memset(longest, 'x', sizeof longest);
    memset(longer, 'x', sizeof longer);
    longest[NEAREST_MAX] = longer[NEAREST_MAX + 1] = '\0';
    assert_int_equal(nearest_edits(longest, "x"), NEAREST_MAX - 1);
    assert_int_equal(nearest_edits(longest, longest), 0);
    assert_int_equal(nearest_edits(longer, "x"), NEAREST_NONE);
    assert_int_equal(nearest_edits("x", longer), NEAREST_NONE);
    assert_int_equal(nearest_distance(longer, longest), NEAREST_NONE);
}

/* What is near: a third of the last components, and one letter of the shortest. */
static void
test_distance(void **state) {
    (void)state;
    assert_int_equal(nearest_distance("opt.naernas", "opt.narenas"), 1);
    assert_int_equal(nearest_distance("opt.agent", "opt.abort"), NEAREST_NONE);
    assert_int_equal(nearest_distance("opt.bogus", "opt.abort"), NEAREST_NONE);
    assert_int_equal(nearest_distance("opt.tst", "opt.dss"), NEAREST_NONE);
    assert_int_equal(nearest_distance("opt.x", "opt.hpa"), NEAREST_NONE);
    assert_int_equal(nearest_distance("opt.x", "opt.y"), NEAREST_NONE);
    assert_int_equal(nearest_distance("", "a"), NEAREST_NONE);
    assert_int_equal(nearest_distance("opt.thq", "opt.thp"), 1);
    assert_int_equal(nearest_distance("stats.arenas.0.xyz", "stats.arenas.0.dss"), NEAREST_NONE);
    assert_int_equal(nearest_distance("stats.arenas.0.dirty_decay", "stats.arenas.0.dirty_decay_ms"), 3);
    assert_int_equal(nearest_distance("epoch", "epoch"), 0);
    assert_int_equal(nearest_distance("opt.thp", "opt.thp"), 0);
    assert_int_equal(nearest_distance("sats.active", "stats.active"), 1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_edits_of_long_names),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}

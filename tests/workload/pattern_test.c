/*
 * pattern_test.c -- every change to a written byte is found, at its place; bytes that were not written are not looked
 * at.
 */
#include "cmocka_all.h"

#include <string.h>

#include "workload/pattern.h"

enum {
    MAX = 80
};

static unsigned char bytes[MAX + 16];

/* Fills a span, flips each byte of the buffer in turn, and compares the finding with what the span covers. */
static void
check_span(size_t size, double touch, bool tail) {
    pattern_span_t span = pattern_span(size, touch, tail);
    uint8_t expected;
    assert_true(span.head + span.tail <= size);
    memset(bytes, 0x5a, sizeof(bytes));
    pattern_fill(bytes, span, 1234);
    assert_int_equal(pattern_check(bytes, span, 1234, &expected), PATTERN_OK);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bool covered = i < span.head || (i >= size - span.tail && i < size);
        unsigned char before = bytes[i];
        bytes[i] = (unsigned char)~before;
        assert_int_equal(pattern_check(bytes, span, 1234, &expected), covered ? i : PATTERN_OK);
        if (covered) {
            assert_int_equal(expected, before);
        } else {
            assert_int_equal(before, 0x5a); /* never written */
        }
        bytes[i] = before;
    }
}

static void
test_every_byte(void **state) {
    (void)state;
    static const double touches[] = {0, 0.01, 0.3, 0.5, 0.99, 1};
    for (size_t size = 0; size <= MAX; size++) {
        for (size_t i = 0; i < sizeof(touches) / sizeof(touches[0]); i++) {
            check_span(size, touches[i], false);
            check_span(size, touches[i], true);
        }
    }
}

/* A block's contents are not those of another block, nor of the same one at another address. */
static void
test_keys_differ(void **state) {
    (void)state;
    uint8_t expected;
    pattern_span_t span = pattern_span(16, 1, true);
    pattern_fill(bytes, span, pattern_key(bytes, 1));
    assert_int_equal(pattern_check(bytes, span, pattern_key(bytes, 1), &expected), PATTERN_OK);
    assert_int_not_equal(pattern_check(bytes, span, pattern_key(bytes, 2), &expected), PATTERN_OK);
    assert_int_not_equal(pattern_check(bytes, span, pattern_key(bytes + 16, 1), &expected), PATTERN_OK);
}

/* After a move to another size, what both have in common is checked by the old key. */
static void
test_cut(void **state) {
    (void)state;
    uint8_t expected;
    pattern_span_t span = pattern_span(64, 1, true);
    pattern_fill(bytes, span, 5);
    for (size_t size = 1; size <= MAX; size++) {
        assert_int_equal(pattern_check(bytes, pattern_cut(span, size), 5, &expected), PATTERN_OK);
        assert_true(pattern_cut(span, size).head == (size < 64 ? size : 64));
        assert_int_equal(pattern_cut(pattern_span(MAX + 1, 0.5, true), size).tail, 0);
    }
}

static void
test_zero(void **state) {
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    for (size_t size = 0; size <= MAX; size++) {
        assert_int_equal(pattern_check_zero(bytes, size), PATTERN_OK);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 1;
            assert_int_equal(pattern_check_zero(bytes, size), i);
            bytes[i] = 0;
        }
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_keys_differ),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests_name("workload/pattern", tests, NULL, NULL);
}

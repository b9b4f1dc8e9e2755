/* fmt_test.c -- what numbers look like, and where text is cut. */
#include "testing.h"

#include "base/fmt.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t numbers[] = {0,
                                   1,
                                   9,
                                   10,
                                   15,
                                   16,
                                   99,
                                   100,
                                   4096,
                                   UINT32_MAX,
                                   INT64_MAX,
                                   (uint64_t)INT64_MAX + 1,
                                   UINT64_MAX - 1,
                                   UINT64_MAX,
                                   UINT64_C(10000000000000000000)};

static void
check_number(uint64_t number) {
    char expected[64];
    char buf[64];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_u64(&out, number);
    fmt_char(&out, ' ');
    fmt_i64(&out, (int64_t)number);
    fmt_char(&out, ' ');
    fmt_hex(&out, number);
    snprintf(expected, sizeof expected, "%" PRIu64 " %" PRId64 " %" PRIx64, number, (int64_t)number, number);
    assert_string_equal(buf, expected);
    assert_int_equal(out.len, strlen(expected));
}

static void
test_numbers(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (unsigned i = 0; i < LENGTH(numbers); i++) {
        check_number(numbers[i]);
    }
    for (unsigned i = 0; i < 1000; i++) {
        check_number(random_next(&seed) >> random_below(&seed, 64));
    }
}

static void
test_text(void **state) {
    (void)state;
    char buf[32];
    fmt_t out = fmt_begin(buf, sizeof buf);
    assert_string_equal(buf, "");
    fmt_str(&out, "ab");
    fmt_str(&out, "");
    fmt_mem(&out, "cdef", 2);
    fmt_mem(&out, "x", 0);
    fmt_char(&out, '!');
    assert_string_equal(buf, "abcd!");
}

/* Every size of buffer: text keeps a byte free, which only a newline gets; nothing beyond the buffer is touched. */
static void
check_truncation(size_t size) {
    static const char text[] = "0123456789";
    char buf[16];
    memset(buf, '#', sizeof buf);
    fmt_t out = fmt_begin(buf, size);
    fmt_str(&out, text);
    size_t kept = size >= 2 ? size - 2 : 0;
    kept = kept < strlen(text) ? kept : strlen(text);
    assert_int_equal(out.len, kept);
    assert_memory_equal(buf, text, kept);
    assert_int_equal(buf[kept], '\0');
    fmt_char(&out, '\n');
    bool has_newline = size >= 2;
    assert_int_equal(out.len, kept + has_newline);
    assert_true(!has_newline || buf[kept] == '\n');
    assert_int_equal(buf[kept + has_newline], '\0');
    for (size_t i = size; i < sizeof buf; i++) {
        assert_int_equal(buf[i], '#');
    }
}

static void
test_truncation(void **state) {
    (void)state;
    for (size_t size = 1; size <= 16; size++) {
        check_truncation(size);
    }
}

/* A number that does not fit is cut like any text; what comes after it stays out. */
static void
test_truncated_number(void **state) {
    (void)state;
    char buf[8];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "n=");
    fmt_u64(&out, 123456789);
    assert_string_equal(buf, "n=1234");
    fmt_str(&out, "more");
    fmt_hex(&out, 0xabc);
    fmt_i64(&out, -1);
    assert_string_equal(buf, "n=1234");
    fmt_char(&out, '\n');
    assert_string_equal(buf, "n=1234\n");
    fmt_char(&out, '\n');
    fmt_char(&out, 'x');
    assert_string_equal(buf, "n=1234\n");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_truncated_number),
    };
    return cmocka_run_group_tests_name("base/fmt", tests, NULL, NULL);
}

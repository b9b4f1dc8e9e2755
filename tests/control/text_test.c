/* text_test.c -- values as people write them: suffixes, fractions, overflow, ranges. */
#include "../api/support.h"
#include "control/ctl_call.h"
#include "control/text.h"

static const ctl_row_t bytes_row = {.name = "b", .type = LUNALLOC_SIZE, .unit = "bytes", .access = "rw"};
static const ctl_row_t ms_row = {
    .name = "t", .type = LUNALLOC_SSIZE, .unit = "ms", .access = "rw", .min = -1, .max = 1000000};
static const ctl_row_t count_row = {
    .name = "n", .type = LUNALLOC_UNSIGNED, .unit = "count", .access = "rw", .min = 1, .max = 4096};
static const ctl_row_t plain_row = {.name = "u", .type = LUNALLOC_UNSIGNED, .unit = "", .access = "rw"};
static const ctl_row_t bool_row = {.name = "f", .type = LUNALLOC_BOOL, .unit = "flag", .access = "rw"};

static char reason[512];

static bool
parse(const ctl_row_t *row, const char *text, lunalloc_value_t *value) {
    fmt_t why = fmt_begin(reason, sizeof reason);
    if (text_parse(row, text, strlen(text), value, &why) != text_good) {
        return false;
    }
    if (row->type != LUNALLOC_BOOL && !ctl_in_range(row, value)) {
        text_refuse_range(row, &why);
        return false;
    }
    return true;
}

static void
accepts_u(const ctl_row_t *row, const char *text, uint64_t expected) {
    lunalloc_value_t value;
    if (!parse(row, text, &value)) {
        fail_msg("'%s' was refused: %s", text, reason);
    }
    assert_int_equal(value.type, row->type);
    assert_int_equal(value.v.u, expected);
}

static void
refuses(const ctl_row_t *row, const char *text, const char *because) {
    lunalloc_value_t value;
    if (parse(row, text, &value)) {
        fail_msg("'%s' was taken", text);
    }
    if (strstr(reason, because) == NULL || strstr(reason, "; allowed: ") == NULL || strchr(reason, '\n') != NULL) {
        fail_msg("'%s': the reason is not as expected: %s", text, reason);
    }
}

static void
test_byte_suffixes(void **state) {
    (void)state;
    accepts_u(&bytes_row, "0", 0);
    accepts_u(&bytes_row, "123", 123);
    accepts_u(&bytes_row, "64K", 65536);
    accepts_u(&bytes_row, "64k", 65536);
    accepts_u(&bytes_row, "64 K", 65536);
    accepts_u(&bytes_row, "64KiB", 65536);
    accepts_u(&bytes_row, "3MB", 3 << 20);
    accepts_u(&bytes_row, "2G", UINT64_C(2) << 30);
    accepts_u(&bytes_row, "1T", UINT64_C(1) << 40);
    accepts_u(&bytes_row, "7B", 7);
}

static void
test_fractions(void **state) {
    (void)state;
    accepts_u(&bytes_row, "1.5G", UINT64_C(3) << 29);
    accepts_u(&bytes_row, "0.5K", 512);
    accepts_u(&bytes_row, "0.25M", 1 << 18);
    accepts_u(&bytes_row, "0.001K", 1);
    accepts_u(&bytes_row, ".5K", 512);
    accepts_u(&bytes_row, "1e3", 1000);
    accepts_u(&bytes_row, "1.5e1K", 15360);
    accepts_u(&ms_row, "1.5s", 1500);
    accepts_u(&ms_row, "0.25m", 15000);
    refuses(&bytes_row, "1.5", "not a number");
    refuses(&count_row, "1.5", "not a number");
    refuses(&bytes_row, "1.2.3K", "not a number");
    refuses(&bytes_row, "0.00000001K", "not a number");
}

/* As in C, and as jemalloc reads them. */
static void
test_radices(void **state) {
    (void)state;
    lunalloc_value_t value;
    accepts_u(&count_row, "0x10", 16);
    accepts_u(&count_row, "0XfF", 255);
    accepts_u(&count_row, "010", 8);
    accepts_u(&bytes_row, "0x10K", 16384);
    accepts_u(&bytes_row, "0xffffffffffffffff", UINT64_MAX);
    accepts_u(&bytes_row, "00", 0);
    accepts_u(&bytes_row, "0.5K", 512);
    assert_true(parse(&ms_row, "-0x1", &value));
    assert_int_equal(value.v.i, -1);
    refuses(&bytes_row, "0x10000000000000000", "not a number");
    refuses(&count_row, "0x", "not a number");
    refuses(&count_row, "0xg", "not a number");
    refuses(&count_row, "08", "not a number");
    refuses(&count_row, "0x1.8", "not a number");
    refuses(&count_row, "1f", "not a number");
}

static void
test_times(void **state) {
    (void)state;
    lunalloc_value_t value;
    accepts_u(&ms_row, "500", 500);
    accepts_u(&ms_row, "250ms", 250);
    accepts_u(&ms_row, "10s", 10000);
    accepts_u(&ms_row, "2m", 120000);
    accepts_u(&ms_row, "2min", 120000);
    assert_true(parse(&ms_row, "-1", &value));
    assert_int_equal(value.v.i, -1);
    assert_true(parse(&ms_row, "-0", &value));
    assert_int_equal(value.v.i, 0);
    refuses(&ms_row, "10K", "not a number");
    refuses(&bytes_row, "10s", "not a number");
    refuses(&count_row, "10K", "out of range");
    accepts_u(&count_row, "4k", 4000);
    accepts_u(&ms_row, "5us", 1);
    refuses(&plain_row, "10K", "not a number");
}

static void
test_ranges(void **state) {
    (void)state;
    accepts_u(&count_row, "1", 1);
    accepts_u(&count_row, "4096", 4096);
    refuses(&count_row, "0", "out of range");
    refuses(&count_row, "4097", "out of range");
    refuses(&count_row, "4097", "from 1 to 4096");
    refuses(&count_row, "-1", "out of range");
    refuses(&ms_row, "-2", "out of range");
    refuses(&ms_row, "-2", "from -1 to 1000000");
    refuses(&ms_row, "1000001", "out of range");
    refuses(&ms_row, "1h", "out of range");
    refuses(&bytes_row, "-1", "out of range");
    accepts_u(&plain_row, "4294967295", UINT32_MAX);
    refuses(&plain_row, "4294967296", "out of range");
}

/* Too large for the type, before or after the suffix: refused, never wrapped. */
static void
test_overflow(void **state) {
    (void)state;
    accepts_u(&bytes_row, "18446744073709551615", UINT64_MAX);
    refuses(&bytes_row, "18446744073709551616", "not a number");
    refuses(&bytes_row, "99999999999999999999999999999999999999", "not a number");
    refuses(&bytes_row, "18446744073709551615K", "not a number");
    refuses(&bytes_row, "16777216T", "not a number");
    accepts_u(&bytes_row, "16777215T", UINT64_C(16777215) << 40);
    refuses(&ms_row, "9223372036854775808", "out of range");
    refuses(&ms_row, "-9223372036854775809", "out of range");
    refuses(&ms_row, "18446744073709551615", "out of range");
}

static void
test_nonsense(void **state) {
    (void)state;
    const char *const texts[] = {"",   " ",   "abc", "K",   "-",    "--1", "+1",  "1x", "0x",
                                 "1e", "1 2", "1KK", "1K ", "\xff", "1\n", "nan", "１", "1KBB"};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        refuses(&bytes_row, texts[i], "not a number");
        refuses(&ms_row, texts[i], "not a number");
        refuses(&count_row, texts[i], "not a number");
    }
}

/* Only `len` bytes are looked at: configuration strings are not cut into pieces. */
static void
test_length(void **state) {
    (void)state;
    lunalloc_value_t value;
    fmt_t why = fmt_begin(reason, sizeof reason);
    assert_int_equal(text_parse(&bytes_row, "12345", 2, &value, &why), text_good);
    assert_int_equal(value.v.u, 12);
    assert_int_equal(text_parse(&bytes_row, "4K,narenas", 2, &value, &why), text_good);
    assert_int_equal(value.v.u, 4096);
    assert_int_equal(text_parse(&bytes_row, "4", 0, &value, &why), text_malformed);
}

static void
test_truth(void **state) {
    (void)state;
    const char *const yes[] = {"true", "1", "on", "yes", "TRUE", "On"};
    const char *const no[] = {"false", "0", "off", "no", "False", "OFF"};
    lunalloc_value_t value;
    for (unsigned i = 0; i < 6; i++) {
        assert_true(parse(&bool_row, yes[i], &value) && value.v.b);
        assert_true(parse(&bool_row, no[i], &value) && !value.v.b);
    }
    refuses(&bool_row, "maybe", "truth value");
    refuses(&bool_row, "maybe", "true or false");
    refuses(&bool_row, "", "truth value");
    refuses(&bool_row, "tru", "truth value");
    refuses(&bool_row, "2", "truth value");
}

/* What is put as text is read as the same value. */
static void
test_round_trip(void **state) {
    (void)state;
    uint64_t seed = 31;
    for (unsigned i = 0; i < 2000; i++) {
        char text[64];
        fmt_t out = fmt_begin(text, sizeof text);
        lunalloc_value_t value = {.type = LUNALLOC_SIZE, .v.u = rnd(&seed) >> rnd_below(&seed, 64)};
        text_put(&out, &value);
        accepts_u(&bytes_row, text, value.v.u);
        out = fmt_begin(text, sizeof text);
        value = (lunalloc_value_t){.type = LUNALLOC_SSIZE, .v.i = (int64_t)rnd_below(&seed, 1000002) - 1};
        text_put(&out, &value);
        accepts_u(&ms_row, text, value.v.u);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_suffixes), cmocka_unit_test(test_fractions), cmocka_unit_test(test_times),
        cmocka_unit_test(test_radices),       cmocka_unit_test(test_ranges),    cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_nonsense),      cmocka_unit_test(test_length),    cmocka_unit_test(test_truth),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

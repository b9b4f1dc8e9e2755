/* units_test.c -- numbers with units, of each kind. tests/control/text_test.c has bytes and milliseconds at length. */
#include "testing.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void
gives(units_t units, const char *text, uint64_t expected) {
    uint64_t value;
    if (!units_parse(units, text, strlen(text), &value)) {
        fail_msg("'%s' was refused", text);
    }
    if (value != expected) {
        fail_msg("'%s' is %llu", text, (unsigned long long)value);
    }
}

static void
refuses(units_t units, const char *text) {
    uint64_t value;
    if (units_parse(units, text, strlen(text), &value)) {
        fail_msg("'%s' is %llu", text, (unsigned long long)value);
    }
}

static void
test_plain(void **state) {
    (void)state;
    gives(UNITS_NONE, "12", 12);
    gives(UNITS_NONE, "0x10", 16);
    refuses(UNITS_NONE, "12K");
    refuses(UNITS_NONE, "1.5");
    refuses(UNITS_NONE, "-1");
    refuses(UNITS_NONE, "");
}

/* Kinds whose plain number is the value. */
static const units_t in_ones[] = {UNITS_NONE, UNITS_BYTES, UNITS_COUNT, UNITS_RATE};

static void
test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"7", 7},
                {"00", 0},
                {"010", 8},
                {"0x1F", 31},
                {"0XfF", 255},
                {"1.0", 1},
                {"12.50e1", 125},
                {"1e3", 1000},
                {"1E+3", 1000},
                {"25000e-3", 25},
                {"1.", 1},
                {"0.000e9", 0},
                {".5e1", 5},
                {"0e99999999999999999999", 0},
                {"18446744073709551615", UINT64_MAX},
                {"0xffffffffffffffff", UINT64_MAX}};
    static const char *const bad[] = {"",
                                      " ",
                                      "-",
                                      "--1",
                                      "+1",
                                      ".",
                                      "e3",
                                      "1e",
                                      "1e+",
                                      "1..5",
                                      "1.2.3",
                                      "1.5",
                                      "0.1",
                                      "08",
                                      "0x",
                                      "0xg",
                                      "0x1.8",
                                      "1f",
                                      "1x",
                                      "1 2",
                                      " 1",

                                      "1\n",
                                      "nan",
                                      "inf",
                                      "1e999",
                                      "1e-1",
                                      "18446744073709551616",
                                      "\xff",
                                      "１",
                                      "99999999999999999999999999999999",
                                      "0x10000000000000000",
                                      "1e20"};
    for (unsigned k = 0; k < sizeof in_ones / sizeof in_ones[0]; k++) {
        for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
            gives(in_ones[k], good[i].text, good[i].value);
        }
        for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            refuses(in_ones[k], bad[i]);
        }
    }
}

static void
test_counts(void **state) {
    (void)state;
    gives(UNITS_COUNT, "12", 12);
    gives(UNITS_COUNT, "50k", 50000);
    gives(UNITS_COUNT, "50 K", 50000);
    gives(UNITS_COUNT, "1.5M", 1500000);
    gives(UNITS_COUNT, "2G", 2000000000);
    gives(UNITS_COUNT, "3T", 3000000000000);
    refuses(UNITS_COUNT, "50KiB");
    refuses(UNITS_COUNT, "50k/s");
    gives(UNITS_RATE, "50k/s", 50000);
    gives(UNITS_RATE, "50k", 50000);
    gives(UNITS_RATE, "7/s", 7);
    refuses(UNITS_RATE, "/s");
    refuses(UNITS_RATE, "1s");
    refuses(UNITS_COUNT, "0.0001k");
    refuses(UNITS_COUNT, "1.5");
}

static void
test_bytes(void **state) {
    (void)state;
    static const char *const unit[] = {"K", "M", "G", "T"};
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; k < 3; k++) {
            static const char *const endings[] = {"", "B", "iB"};
            char text[16];
            snprintf(text, sizeof text, "3%s%s", unit[i], endings[k]);
            gives(UNITS_BYTES, text, UINT64_C(3) << 10 * (i + 1));
        }
    }
    gives(UNITS_BYTES, "7B", 7);
    refuses(UNITS_BYTES, "1.5B");
    refuses(UNITS_BYTES, "1Ki");
    refuses(UNITS_BYTES, "1KiBs");
    gives(UNITS_BYTES, "0.001K", 1);
    refuses(UNITS_BYTES, "0.00000001K");
    gives(UNITS_BYTES, "16777215T", UINT64_C(16777215) << 40);
    refuses(UNITS_BYTES, "16777216T");
}

static void
test_times(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms, ns; /* 0: refused */
    } times[] = {
        {"7", 7, 7000000000},
        {"7ms", 7, 7000000},
        {"7s", 7000, 7000000000},
        {"1.5s", 1500, 1500000000},
        {"0.1 s", 100, 100000000},
        {"2m", 120000, 120000000000},
        {"2min", 120000, 120000000000},
        {"3h", 10800000, 10800000000000},
        {"1d", 86400000, 86400000000000},
        {"5000us", 5, 5000000},
        {"5us", 1, 5000}, /* rounded up */
        {"1.0001s", 1001, 1000100000},
        {"0.5ms", 1, 500000},
        {"0.5", 0, 500000000},
        {"5ns", 1, 5},
        {"0.5ns", 1, 1},
        {"1e300d", 0, 0},
        {"7w", 0, 0},
        {"7mi", 0, 0},
        {"7 ", 7, 7000000000},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        uint64_t value;
        const char *text = times[i].text;
        assert_int_equal(units_parse(UNITS_MS, text, strlen(text), &value) ? value : 0, times[i].ms);
        assert_int_equal(units_parse(UNITS_NS, text, strlen(text), &value) ? value : 0, times[i].ns);
    }
    gives(UNITS_MS, "0", 0);
    gives(UNITS_MS, "0us", 0);
}

static void
test_ratios(void **state) {
    (void)state;
    gives(UNITS_RATIO, "0.25", 1 << 14);
    gives(UNITS_RATIO, "2", 2 << 16);
    gives(UNITS_RATIO, "75%", 3 << 14);
    gives(UNITS_RATIO, "0.1", 6553);
    refuses(UNITS_RATIO, "2K");
}

static double
real(units_t units, const char *text) {
    double value;
    assert_true(units_parse_real(units, text, strlen(text), &value));
    return value;
}

static void
test_reals(void **state) {
    (void)state;
    assert_true(real(UNITS_BYTES, "-3") == -3);
    assert_true(real(UNITS_BYTES, ".5") == 0.5);
    assert_true(real(UNITS_BYTES, "0.1") == 0.1);
    assert_true(real(UNITS_BYTES, "1.5K") == 1536);
    assert_true(real(UNITS_RATE, "2.5k/s") == 2500);
    assert_true(real(UNITS_RATIO, "75%") == 0.75);
    assert_true(real(UNITS_MS, "250us") == 0.25);
    assert_true(real(UNITS_NS, "0.5") == 5e8);
    assert_true(real(UNITS_COUNT, "1e-400") == 0);
    assert_true(real(UNITS_COUNT, "0e400") == 0);
    assert_true(isinf(real(UNITS_COUNT, "1e999")));
    double large = real(UNITS_COUNT, "123456789012345678901234567890");
    assert_true(fabs(large / 123456789012345678901234567890.0 - 1) < 1e-15);
    double value;
    assert_false(units_parse_real(UNITS_COUNT, "--1", 3, &value));
    assert_false(units_parse_real(UNITS_COUNT, "-", 1, &value));
    assert_false(units_parse_real(UNITS_COUNT, "", 0, &value));
}

/* Only `len` bytes are looked at. */
static void
test_length(void **state) {
    (void)state;
    uint64_t value;
    size_t used;
    assert_true(units_parse(UNITS_BYTES, "4K,narenas", 2, &value));
    assert_int_equal(value, 4096);
    assert_true(units_parse(UNITS_RATE, "42/sx", 4, &value));
    assert_int_equal(value, 42);
    assert_false(units_parse(UNITS_BYTES, "4", 0, &value));
    assert_true(units_parse_whole("0x1f-", 5, &value, &used));
    assert_int_equal(value, 31);
    assert_int_equal(used, 4);
    assert_true(units_parse_whole("12345", 2, &value, &used));
    assert_int_equal(value, 12);
    assert_false(units_parse_whole("x", 1, &value, &used));
    assert_false(units_parse_whole("99999999999999999999", 20, &value, &used));
}

/* A refusal names each unit that is taken, but for the synonyms. */
static void
test_allowed(void **state) {
    (void)state;
    assert_string_equal(units_allowed(UNITS_NONE), "");
    assert_non_null(strstr(units_allowed(UNITS_BYTES), "K, M, G or T"));
    assert_non_null(strstr(units_allowed(UNITS_COUNT), "k, M, G or T"));
    assert_non_null(strstr(units_allowed(UNITS_MS), "in ms or with ns, us, s, m, h or d"));
    assert_non_null(strstr(units_allowed(UNITS_NS), "in s or with ns, us, ms, m, h or d"));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_counts), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_times), cmocka_unit_test(test_ratios), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_reals), cmocka_unit_test(test_length), cmocka_unit_test(test_allowed),
    };
    return cmocka_run_group_tests_name("base/units", tests, NULL, NULL);
}

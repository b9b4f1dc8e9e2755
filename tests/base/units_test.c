/* units_test.c -- numbers with units, of each kind. tests/control/text_test.c has bytes and milliseconds at length. */
#include "testing.h"

#include "base/units.h"

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
        {"5us", 0, 5000},
        {"0.5", 0, 500000000},
        {"5ns", 0, 5},
        {"0.5ns", 0, 0},
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
    refuses(UNITS_RATIO, "2K");
}

static void
test_factors(void **state) {
    (void)state;
    assert_int_equal(units_factor(UNITS_BYTES, "kib", 3), 1024);
    assert_int_equal(units_factor(UNITS_BYTES, "", 0), 1);
    assert_int_equal(units_factor(UNITS_BYTES, "x", 1), 0);
    assert_int_equal(units_factor(UNITS_COUNT, "k", 1), 1000);
    assert_int_equal(units_factor(UNITS_MS, "s", 1), 1000);
    assert_int_equal(units_factor(UNITS_MS, "us", 2), 0);
    assert_int_equal(units_factor(UNITS_NS, "us", 2), 1000);
    assert_int_equal(units_factor(UNITS_NS, "", 0), 1000000000);
}

/* A refusal names each unit that is taken, but for the synonyms. */
static void
test_allowed(void **state) {
    (void)state;
    assert_string_equal(units_allowed(UNITS_NONE), "");
    assert_non_null(strstr(units_allowed(UNITS_BYTES), "K, M, G or T"));
    assert_non_null(strstr(units_allowed(UNITS_COUNT), "k, M, G or T"));
    assert_non_null(strstr(units_allowed(UNITS_MS), "in ms or with us, s, m, h or d"));
    assert_non_null(strstr(units_allowed(UNITS_NS), "in s or with us, ms, m, h or d"));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_counts), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_times),   cmocka_unit_test(test_ratios), cmocka_unit_test(test_factors),
        cmocka_unit_test(test_allowed),
    };
    return cmocka_run_group_tests_name("base/units", tests, NULL, NULL);
}

/* emit_test.c -- the writers of reports: pieces, numbers, JSON's commas, OpenMetrics' names and units. */
#include "../base/testing.h"
#include "observe/json.h"
#include "observe/metrics.h"

#include <stdio.h>
#include <string.h>

static char text[8192];
static unsigned npieces;

static void
collect(void *opaque, const char *piece) {
    (void)opaque;
    npieces++;
    assert_true(strlen(piece) < EMIT_PIECE);
    strcat(text, piece);
}

static emit_t
begin(void) {
    emit_t out;
    text[0] = '\0';
    npieces = 0;
    emit_begin(&out, collect, NULL);
    return out;
}

static void
expect(emit_t *out, const char *expected) {
    emit_end(out);
    assert_string_equal(text, expected);
}

/* Nothing is lost between pieces, and what is left comes at the end; an empty text has no piece. */
static void
test_pieces(void **state) {
    (void)state;
    emit_t out = begin();
    expect(&out, "");
    assert_int_equal(npieces, 0);
    for (unsigned i = 0; i < 2 * EMIT_PIECE; i++) {
        emit_char(&out, (char)('a' + i % 26));
    }
    emit_end(&out);
    assert_int_equal(npieces, 3);
    assert_int_equal(strlen(text), 2 * EMIT_PIECE);
    for (unsigned i = 0; i < 2 * EMIT_PIECE; i++) {
        assert_int_equal(text[i], 'a' + i % 26);
    }
}

static void
test_numbers(void **state) {
    (void)state;
    emit_t out = begin();
    emit_i64(&out, INT64_MIN);
    emit_char(&out, ' ');
    emit_u64(&out, UINT64_MAX);
    emit_cell(&out, 4, "12");
    emit_cell(&out, 1, "345");
    expect(&out, "-9223372036854775808 18446744073709551615  12 345");
    static const struct {
        uint64_t value;
        unsigned digits;
        const char *text;
    } fractions[] = {{0, 6, "0.000000"}, {998750, 6, "0.998750"}, {12999999, 6, "12.999999"}, {1500, 3, "1.500"},
                     {7, 0, "7"},        {7, 9, "0.000000007"},   {UINT64_MAX, 3, "-1"}};
    for (unsigned i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        out = begin();
        emit_fixed(&out, fractions[i].value, fractions[i].digits);
        expect(&out, fractions[i].text);
    }
}

static void
test_json(void **state) {
    (void)state;
    emit_t out = begin();
    json_open(&out, '{');
    json_key(&out, "a");
    json_open(&out, '[');
    json_u64(&out, 1);
    json_i64(&out, -2);
    json_open(&out, '{');
    json_close(&out, '}');
    json_bool(&out, true);
    json_close(&out, ']');
    json_key(&out, "b\"\\\n\t");
    json_text(&out, "{");
    json_key(&out, "c");
    json_fixed(&out, 1500, 3);
    json_close(&out, '}');
    expect(&out, "{\"a\":[1,-2,{},true],\"b\\\"\\\\\\n \":\"{\",\"c\":1.500}");
}

/* Bytes that are not UTF-8 become question marks: neither JSON nor OpenMetrics has them. */
static void
test_quoted_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text, *quoted;
    } texts[] = {{"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
                 {"\xff\xfe.", "\"\?\?.\""},
                 {"a\xe2\x82", "\"a\?\?\""},
                 {"\xc3", "\"\?\""},
                 {"\x80 \xc0\xaf", "\"\? \?\?\""},
                 {"\xe0\x80\x80", "\"\?\?\?\""},
                 {"\xed\xa0\x80", "\"\?\?\?\""},
                 {"\xf4\x90\x80\x80", "\"\?\?\?\?\""},
                 {"\xc3\"", "\"\?\\\"\""}};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        emit_t out = begin();
        emit_quoted(&out, texts[i].text);
        expect(&out, texts[i].quoted);
    }
}

static void
test_json_doubles(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } numbers[] = {{0, "0.000000"},         {1.5, "1.500000"},          {-0.25, "-0.250000"}, {1e-7, "0.000000"},
                   {0.9999996, "1.000000"}, {1e15, "1000000000000000"}, {-1e30, "-0"}};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        emit_t out = begin();
        json_double(&out, numbers[i].value);
        expect(&out, numbers[i].text);
    }
}

static void
expect_metric(const metric_t *metric, const char *name, uint64_t value, const char *shown) {
    char expected[512];
    emit_t out = begin();
    metrics_sample(&out, metric);
    metrics_label(&out, "arena", NULL, 7);
    metrics_label(&out, "mutex", "a\"b", 0);
    metrics_value(&out, metric, value);
    snprintf(expected, sizeof expected, "%s{arena=\"7\",mutex=\"a\\\"b\"} %s\n", name, shown);
    expect(&out, expected);
}

/* Names follow the controls, values are in base units. */
static void
test_metrics_units(void **state) {
    (void)state;
    const char *arenas = "stats.arenas.<i>.", *bins = "stats.arenas.<i>.bins.<j>.";
    expect_metric(&(metric_t){arenas, "dirty_decay_ms", "ms", "", false, false}, "lunalloc_arenas_dirty_decay_seconds",
                  10500, "10.500");
    expect_metric(&(metric_t){arenas, "dirty_decay_ms", "ms", "", false, false}, "lunalloc_arenas_dirty_decay_seconds",
                  UINT64_MAX, "-1");
    expect_metric(&(metric_t){bins, "mutex.max_wait_time", "ns", "", false, false},
                  "lunalloc_arenas_bins_mutex_max_wait_time_seconds", 1, "0.000000001");
    expect_metric(&(metric_t){"stats.", "purged", "bytes", "", true, false}, "lunalloc_purged_bytes_total", 4096,
                  "4096");
    expect_metric(&(metric_t){arenas, "tcache_bytes", "bytes", "", false, false}, "lunalloc_arenas_tcache_bytes", 1,
                  "1");
    expect_metric(&(metric_t){"stats.caches.<i>.", "hit_ratio", "ppm", "", false, false}, "lunalloc_caches_hit_ratio",
                  998750, "0.998750");
    expect_metric(&(metric_t){"stats.", "nmalloc", "count", "", true, false}, "lunalloc_nmalloc_total", 3, "3");
}

static void
test_metrics_heads(void **state) {
    (void)state;
    emit_t out = begin();
    metrics_head(&out, &(metric_t){"stats.", "nmalloc", "count", "objects", true, false});
    metrics_head(&out, &(metric_t){"stats.", "time", "ns", "clock", false, false});
    metrics_value(&out, &(metric_t){"stats.", "time", "ns", "clock", false, false}, 0);
    metrics_end(&out);
    expect(&out,
           "# TYPE lunalloc_nmalloc counter\n# HELP lunalloc_nmalloc objects\n# TYPE lunalloc_time_seconds gauge\n"
           "# UNIT lunalloc_time_seconds seconds\n# HELP lunalloc_time_seconds clock\n 0.000000000\n# EOF\n");
}

/* The older format: a counter has the name of its samples, and nothing has a unit. */
static void
test_metrics_heads_of_the_older_format(void **state) {
    (void)state;
    emit_t out = begin();
    metrics_head(&out, &(metric_t){"stats.", "purged", "bytes", "memory", true, true});
    metrics_head(&out, &(metric_t){"stats.", "time", "ns", "clock", false, true});
    expect(&out, "# TYPE lunalloc_purged_bytes_total counter\n# HELP lunalloc_purged_bytes_total memory\n"
                 "# TYPE lunalloc_time_seconds gauge\n# HELP lunalloc_time_seconds clock\n");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_json_doubles),
        cmocka_unit_test(test_metrics_units), cmocka_unit_test(test_metrics_heads),
        cmocka_unit_test(test_quoted_utf8),   cmocka_unit_test(test_metrics_heads_of_the_older_format),
    };
    return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}

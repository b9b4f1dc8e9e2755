/* report_test.c -- the report's formats: complete, well-formed, in pieces; and what its letters leave out. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "base/options.h"
#include "control/report.h"
#include "control/report_sections.h"
#include "observe/stats.h"

#include <errno.h>

static char text[4 << 20];
static size_t len;
static unsigned npieces;

static void
collect(void *opaque, const char *piece) {
    assert_ptr_equal(opaque, text);
    size_t n = strlen(piece);
    assert_true(n > 0 && n < EMIT_PIECE && len + n < sizeof text);
    memcpy(text + len, piece, n + 1);
    len += n;
    npieces++;
}

static const char *
report(lunalloc_format_t format, const char *opts) {
    len = npieces = 0;
    assert_int_equal(lunalloc_stats_write(format, collect, text, opts), 0);
    return text;
}

static unsigned
count(const char *haystack, const char *needle) {
    unsigned n = 0;
    for (const char *at = haystack; (at = strstr(at, needle)) != NULL; at += strlen(needle)) {
        n++;
    }
    return n;
}

/* ---- counters as text ---- */

static const char *
counter_text(counter_kind_t kind, uint64_t value) {
    emit_t out;
    len = npieces = 0;
    emit_begin(&out, collect, text);
    emit_fixed(&out, value, counter_digits(&(counter_row_t){.kind = (uint8_t)kind}));
    emit_end(&out);
    return text;
}

static void
test_counters_as_text(void **state) {
    (void)state;
    assert_string_equal(counter_text(counter_ratio, 0), "0.000000");
    assert_string_equal(counter_text(counter_ratio, 987654), "0.987654");
    assert_string_equal(counter_text(counter_ratio, 12999999), "12.999999");
    assert_string_equal(counter_text(counter_ratio, COUNTER_NEVER), "-1");
    assert_string_equal(counter_text(counter_cumulative, 987654), "987654");
}

/* ---- what a counter is called ---- */

/* Every counter has its control, in each section: there its meaning is said. */
static void
test_every_counter_is_a_control(void **state) {
    (void)state;
    for (unsigned k = 0; k < REPORT_SECTIONS; k++) {
        const section_t *section = &report_sections[k];
        uint32_t n;
        const counter_row_t *counters = counters_of((record_t)section->record, &n);
        for (uint32_t i = 0; i < n; i++) {
            if (section_doc(section, &counters[i])[0] == '\0') {
                fail_msg("%s%s is no control", section->pattern, counters[i].name);
            }
        }
    }
}

/* Names that a counter has in a format. */
static bool
is_named(lunalloc_format_t format, const counter_row_t *counter) {
    char name[64];
    const char *dot = strchr(counter->name, '.');
    const char *last = dot == NULL ? counter->name : dot + 1;
    const char *column = counter->column[0] != '\0' ? counter->column : counter->name;
    snprintf(name, sizeof name, format == LUNALLOC_JSON ? "\"%s\":" : "%s", format == LUNALLOC_TEXT ? column : last);
    char *ms = format == LUNALLOC_OPENMETRICS ? strstr(name, "_ms") : NULL;
    if (ms != NULL) {
        strcpy(ms, "_seconds"); /* base units */
    }
    return strstr(text, name) != NULL;
}

/* No counter is in one format only. */
static void
test_every_counter_in_every_format(void **state) {
    (void)state;
    for (unsigned format = LUNALLOC_TEXT; format <= LUNALLOC_OPENMETRICS; format++) {
        report((lunalloc_format_t)format, "");
        for (unsigned k = 0; k < REPORT_SECTIONS; k++) {
            uint32_t n;
            const counter_row_t *counters = counters_of((record_t)report_sections[k].record, &n);
            for (uint32_t i = 0; i < n; i++) {
                if (!is_named((lunalloc_format_t)format, &counters[i])) {
                    fail_msg("format %u lacks %s%s", format, report_sections[k].pattern, counters[i].name);
                }
            }
        }
    }
}

/* ---- JSON: a small parser ---- */

/* Behind the value at `at`; NULL if that is not JSON. */
static const char *json_value(const char *at);

static const char *
json_string(const char *at) {
    if (*at++ != '"') {
        return NULL;
    }
    while (*at != '"' && (unsigned char)*at >= ' ') {
        at += *at == '\\' ? 2 : 1;
    }
    return *at == '"' ? at + 1 : NULL;
}

static const char *
json_members(const char *at, char end) {
    if (*at == end) {
        return at + 1;
    }
    do {
        if (end == '}') {
            at = json_string(at);
            at = at != NULL && *at == ':' ? at + 1 : NULL;
        }
        at = at == NULL ? NULL : json_value(at);
    } while (at != NULL && *at == ',' && at++);
    return at != NULL && *at == end ? at + 1 : NULL;
}

static const char *
json_value(const char *at) {
    if (*at == '{' || *at == '[') {
        return json_members(at + 1, *at == '{' ? '}' : ']');
    }
    if (*at == '"') {
        return json_string(at);
    }
    size_t n = strspn(at, "-.0123456789");
    n = n > 0 ? n : strncmp(at, "true", 4) == 0 ? 4 : strncmp(at, "false", 5) == 0 ? 5 : 0;
    return n == 0 ? NULL : at + n;
}

static void
assert_json(const char *opts) {
    const char *end = json_value(report(LUNALLOC_JSON, opts));
    if (end == NULL || strcmp(end, "\n") != 0) {
        fail_msg("with '%s' this is no JSON: %.200s", opts, end == NULL ? text : end);
    }
}

static void
test_json(void **state) {
    (void)state;
    assert_json(NULL);
    static const char *const keys[] = {"\"version\":\"" LUNALLOC_VERSION "\"",
                                       "\"config\":{",
                                       "\"opt\":{",
                                       "\"arenas\":{",
                                       "\"bin\":[{",
                                       "\"lextent\":[{",
                                       "\"stats\":{",
                                       "\"background_thread\":{",
                                       "\"stats.arenas\":{\"merged\":{",
                                       "\"0\":{",
                                       "\"small\":{\"allocated\":",
                                       "\"uptime_ns\":",
                                       "\"dss\":\"disabled\"",
                                       "\"internal\":0",
                                       "\"tcache_stashed_bytes\":0",
                                       "\"abandoned_vm\":0",
                                       "\"mutexes\":{",
                                       "\"bins\":[{",
                                       "\"mutex\":{\"num_ops\":",
                                       "\"lextents\":[{",
                                       "\"extents\":[{"};
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strstr(text, keys[i]) == NULL) {
            fail_msg("no %s", keys[i]);
        }
    }
    assert_memory_equal(text, "{\"jemalloc\":{", 13);
    assert_true(npieces > 10);
}

/* A setting is quoted as JSON wants it, whatever is in it. */
static void
test_json_of_any_text(void **state) {
    (void)state;
    char before[sizeof options.stats_print_opts];
    strcpy(before, options.stats_print_opts);
    strcpy(options.stats_print_opts, "a\"b\\c\nd\te\"");
    assert_json(NULL);
    assert_non_null(strstr(text, "\"stats_print_opts\":\"a\\\"b\\\\c\\nd e\\\"\","));
    strcpy(options.stats_print_opts, before);
}

/* Each letter leaves its part out, and whatever is left is well-formed; letters that mean nothing are ignored. */
static void
test_letters(void **state) {
    (void)state;
    static const struct {
        char letter;
        const char *part;
    } parts[] = {{'g', "\"opt\":"},      {'m', "\"merged\":"},  {'a', "\"0\":"},      {'b', "\"bins\":"},
                 {'l', "\"lextents\":"}, {'x', "\"num_ops\":"}, {'e', "\"extents\":"}};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char opts[] = {'Z', parts[i].letter, 'J', '\0'};
        assert_json("JhZ?");
        assert_non_null(strstr(text, parts[i].part));
        assert_json(opts);
        assert_null(strstr(text, parts[i].part));
    }
    assert_json("gmdablxe");
    assert_non_null(strstr(text, "\"allocated\":"));
    assert_null(strstr(text, "\"stats.arenas\":"));
    arena_t *arena = arenas_create();
    assert_int_equal(arenas_destroy(arena->index), 0);
    assert_json("");
    assert_non_null(strstr(text, "\"destroyed\":"));
    assert_json("d");
    assert_null(strstr(text, "\"destroyed\":"));
}

/* ---- text ---- */

static void
test_text(void **state) {
    (void)state;
    static const char *const parts[] = {
        "Version: ",      "opt.narenas: ", "\nAllocated: ", ", active: ", "\nMerged arenas stats:\n",
        "\narenas[0]:\n", "decaying:",     "    small:",    "\nbins:",    "\nlextents:",
        "\nextents:",     " nonfull",      " n_lock_ops"};
    report(LUNALLOC_TEXT, NULL);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("no '%s'", parts[i]);
        }
    }
    assert_memory_equal(text, "___ Begin lunalloc statistics ___\n", 34);
    assert_string_equal(text + len - 32, "--- End lunalloc statistics ---\n");
    assert_null(strstr(report(LUNALLOC_TEXT, "x"), "n_lock_ops"));
    assert_null(strstr(report(LUNALLOC_TEXT, "g"), "Version"));
}

/* ---- OpenMetrics: a small parser ---- */

typedef struct {
    char name[96]; /* of the family that is open */
    char type[12];
    char help;
    unsigned nfamilies, nsamples;
} metrics_t;

static void
open_family(metrics_t *m, const char *line) {
    char name[96], type[12];
    assert_int_equal(sscanf(line, "# TYPE %95s %11s", name, type), 2);
    char again[128];
    snprintf(again, sizeof again, "# TYPE %s ", name);
    assert_int_equal(count(text, again), 1); /* all samples of a family stand together */
    assert_true(m->nfamilies == 0 || m->help == 1);
    strcpy(m->name, name);
    strcpy(m->type, type);
    m->help = 0;
    m->nfamilies++;
}

/* "name{label="1",...} value": the family's name, with _total if it is a counter. */
static void
read_sample(metrics_t *m, const char *line) {
    char expected[128];
    const char *suffix = strcmp(m->type, "counter") == 0 ? "_total" : strcmp(m->type, "info") == 0 ? "_info" : "";
    snprintf(expected, sizeof expected, "%s%s", m->name, suffix);
    size_t n = strcspn(line, "{ ");
    if (n != strlen(expected) || memcmp(line, expected, n) != 0) {
        fail_msg("a sample of %s (%s): %s", m->name, m->type, line);
    }
    const char *value = strrchr(line, ' ') + 1;
    assert_true(*value != '\0' && strspn(value, "-.0123456789") == strlen(value));
    assert_true(line[n] == ' ' || value[-2] == '}');
    assert_int_equal(count(line, "\"") % 2, 0);
    m->nsamples++;
}

/* The unit is a base unit, and the end of the family's name. */
static void
read_unit(const metrics_t *m, const char *line) {
    char name[96], unit[12], end[16];
    assert_int_equal(sscanf(line, "# UNIT %95s %11s", name, unit), 2);
    assert_string_equal(name, m->name);
    assert_true(strcmp(unit, "bytes") == 0 || strcmp(unit, "seconds") == 0 || strcmp(unit, "ratio") == 0);
    snprintf(end, sizeof end, "_%s", unit);
    assert_string_equal(name + strlen(name) - strlen(end), end);
}

static void
read_line(metrics_t *m, const char *line) {
    if (strncmp(line, "# TYPE ", 7) == 0) {
        open_family(m, line);
    } else if (strncmp(line, "# UNIT ", 7) == 0) {
        read_unit(m, line);
    } else if (strncmp(line, "# HELP ", 7) == 0) {
        assert_memory_equal(line + 7, m->name, strlen(m->name));
        assert_true(strlen(line) > 7 + strlen(m->name) + 1);
        m->help++;
    } else {
        read_sample(m, line);
    }
}

static int
by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
test_openmetrics(void **state) {
    (void)state;
    static char *series[200000];
    static char copy[sizeof text];
    metrics_t m = {.help = 1};
    report(LUNALLOC_OPENMETRICS, NULL);
    assert_string_equal(text + len - 6, "# EOF\n");
    text[len - 6] = '\0';
    memcpy(copy, text, len);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        read_line(&m, line);
        if (line[0] != '#') {
            series[m.nsamples - 1] = line;
            *strrchr(line, ' ') = '\0';
        }
    }
    assert_true(m.nfamilies > 80 && m.nsamples > m.nfamilies);
    qsort(series, m.nsamples, sizeof series[0], by_text);
    for (unsigned i = 1; i < m.nsamples; i++) {
        assert_string_not_equal(series[i - 1], series[i]);
    }
    assert_null(strstr(report(LUNALLOC_OPENMETRICS, "b"), "lunalloc_arenas_bins"));
    assert_null(strstr(report(LUNALLOC_OPENMETRICS, "x"), "num_ops"));
    assert_null(strstr(report(LUNALLOC_OPENMETRICS, "a"), "arena="));
}

static bool
is_used(const stats_bin_t *bin) {
    return (bin->nmalloc | bin->nrequests | bin->nslabs) != 0;
}

/* A class has samples of all its counters if it was ever used, and none if not. */
static void
test_openmetrics_leaves_out_zeros(void **state) {
    (void)state;
    static const char *const families[] = {"nmalloc_total", "curregs", "nreslabs_total", "mutex_num_ops_total"};
    unsigned nused = 0;
    lunalloc_free(lunalloc_malloc(1));
    report(LUNALLOC_OPENMETRICS, NULL);
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        stats_bin_t bin;
        assert_int_equal(stats_get(record_bin, 0, i, &bin), 0);
        for (unsigned k = 0; k < sizeof families / sizeof families[0]; k++) {
            char sample[96];
            snprintf(sample, sizeof sample, "\nlunalloc_arenas_bins_%s{arena=\"0\",bin=\"%u\"} ", families[k], i);
            assert_int_equal(count(text, sample), is_used(&bin));
        }
        nused += is_used(&bin);
    }
    assert_true(nused > 0 && nused < sc.nsmall);
}

/* An arena is there from its creation to its end. */
static void
test_openmetrics_of_arenas_that_live(void **state) {
    (void)state;
    char label[32];
    const arena_t *arena = arenas_create();
    assert_non_null(arena);
    unsigned index = arena->index;
    snprintf(label, sizeof label, "{arena=\"%u\"", index);
    assert_true(count(report(LUNALLOC_OPENMETRICS, NULL), label) > 0);
    assert_int_equal(arenas_destroy(index), 0);
    assert_int_equal(count(report(LUNALLOC_OPENMETRICS, NULL), label), 0);
    assert_true(count(text, "{arena=\"0\"") > 0);
}

/* ---- who calls ---- */

static void
keep_message(void *opaque, const char *piece) {
    (void)opaque;
    size_t n = strlen(piece);
    memcpy(text + len, piece, n + 1);
    len += n;
}

static void
print_to_nobody(void *arg) {
    malloc_stats_print(NULL, NULL, arg);
}

/* To the caller's function, to malloc_message, or to standard error. */
static void
test_destinations(void **state) {
    (void)state;
    len = 0;
    malloc_stats_print(collect, text, "Jgmdablxe");
    assert_memory_equal(text, "{\"jemalloc\":{\"stats\":{", 22);
    len = 0;
    malloc_message = keep_message;
    malloc_stats_print(NULL, NULL, "Ogmdablxe");
    malloc_message = NULL;
    assert_memory_equal(text, "# TYPE lunalloc_time_seconds gauge\n", 35);
    outcome_t out = in_child(print_to_nobody, (char[]){"gmdablxe"});
    assert_child_well(&out);
    assert_memory_equal(out.text, "___ Begin lunalloc statistics ___\n", 34);
}

static void
test_bad_arguments(void **state) {
    (void)state;
    assert_int_equal(lunalloc_stats_write((lunalloc_format_t)3, collect, text, ""), EINVAL);
    assert_int_equal(lunalloc_stats_write((lunalloc_format_t)-1, collect, text, ""), EINVAL);
    assert_int_equal(lunalloc_stats_write(LUNALLOC_JSON, NULL, text, ""), EINVAL);
}

/* The process ends with a report if that is wanted. */
static void
test_at_exit(void **state) {
    (void)state;
    outcome_t out = in_new_process("exit", "LUNALLOC_CONF", "stats_print:true,stats_print_opts:gmdablxe");
    assert_child_well(&out);
    assert_memory_equal(out.text, "___ Begin lunalloc statistics ___\n", 34);
    assert_non_null(strstr(out.text, "--- End lunalloc statistics ---\n"));
    out = in_new_process("exit", "LUNALLOC_CONF", "stats_print_opts:g");
    assert_child_well(&out);
    assert_string_equal(out.text, "");
}

int
main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        lunalloc_free(lunalloc_malloc(1));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_counter_is_a_control),
        cmocka_unit_test(test_every_counter_in_every_format),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_any_text),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_openmetrics_leaves_out_zeros),
        cmocka_unit_test(test_openmetrics_of_arenas_that_live),
        cmocka_unit_test(test_counters_as_text),
        cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_at_exit),
    };
    return cmocka_run_group_tests_name("report", tests, boot_allocator, NULL);
}

/* conf.c -- sources, pairs and values of the configuration. */
#include "control/conf.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/nearest.h"
#include "base/options.h"
#include "control/class_ranges.h"
#include "control/ctl_unsupported.h"
#include "control/text.h"
#include "os/pages.h"
#include "os/system.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char name[16]; /* empty: the machine's file */
    ctl_source_t kind;
    bool jemallocs; /* the name is jemalloc's */
} config_source_t;

/* Read in this order: a later one overrides an earlier one. */
BOOT_CONSTANT static const config_source_t sources[] = {
    {"", source_file, false},
    {"malloc_conf", source_symbol, true},
    {"lunalloc_conf", source_symbol, false},
    {"MALLOC_CONF", source_environment, true},
    {"LUNALLOC_CONF", source_environment, false},
};
#define NSOURCES (sizeof sources / sizeof sources[0])

/* How messages name a source. */
static const char *
name_of(const config_source_t *source) {
    return source->kind == source_file ? system_config_path : source->name;
}

/* ---- parts of a text ---- */

/* Part of a text, which is not terminated. */
typedef struct {
    const char *text;
    size_t len;
} span_t;

static bool
is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static span_t
trim(span_t span) {
    while (span.len > 0 && is_blank(span.text[0])) {
        span.text++;
        span.len--;
    }
    while (span.len > 0 && is_blank(span.text[span.len - 1])) {
        span.len--;
    }
    return span;
}

static void
put_name(fmt_t *out, const char *prefix, span_t name) {
    fmt_str(out, prefix);
    fmt_mem(out, name.text, name.len);
}

/* ---- one pair ---- */

/* Appends the option, without its "opt.", that is nearest to a name. */
static void
put_nearest(fmt_t *out, const char *name) {
    const char *best = NULL;
    uint32_t least = NEAREST_NONE;
    for (size_t i = 0; i < ctl_nsupported; i++) {
        const char *row = ctl_rows[i].name;
        uint32_t distance = strncmp(row, "opt.", 4) == 0 ? nearest_distance(name, row) : NEAREST_NONE;
        if (distance < least) {
            least = distance;
            best = row + 4;
        }
    }
    if (best != NULL) {
        fmt_str(out, "; did you mean '");
        fmt_str(out, best);
        fmt_str(out, "'?");
    }
}

/* A value that is text, terminated in buf. */
static bool
parse_string(span_t text, char *buf, lunalloc_value_t *value, fmt_t *why) {
    if (text.len >= OPTION_TEXT_MAX) {
        fmt_str(why, "is too long; allowed: ");
        fmt_u64(why, OPTION_TEXT_MAX - 1);
        fmt_str(why, " bytes");
        return false;
    }
    memcpy(buf, text.text, text.len);
    buf[text.len] = '\0';
    *value = (lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = buf};
    return true;
}

static bool
is_word(span_t text, const char *word) {
    return text.len == strlen(word) && memcmp(text.text, word, text.len) == 0;
}

static text_result_t
parse_value(const ctl_row_t *row, span_t text, char *buf, lunalloc_value_t *value, fmt_t *why) {
    if (row->type == LUNALLOC_STRING) {
        return parse_string(text, buf, value, why) ? text_good : text_malformed;
    }
    if (is_word(text, "default")) {
        /* An empty default is one that depends on the machine; 0 stands for it. */
        const char *default_text = row->default_text[0] != '\0' ? row->default_text : "0";
        text = (span_t){default_text, strlen(default_text)};
    }
    text_result_t result = text_parse(row, text.text, text.len, value, why);
    if (result == text_good && !ctl_in_range(row, value)) {
        text_refuse_range(row, why);
        return text_out_of_range;
    }
    return result;
}

/* A pair, and the message that is reported if it is bad. */
typedef struct {
    span_t key, value;
    const config_source_t *from;
    fmt_t *why; /* begins with the source's name */
} pair_t;

static void
put_pair(const pair_t *pair) {
    put_name(pair->why, "'", pair->key);
    put_name(pair->why, ":", pair->value);
    fmt_str(pair->why, "' ");
}

/* Parses the value; false with the reason. A number out of range is reported in jemalloc's words: scripts may look for
 * them. */
static bool
read_value(const pair_t *pair, const ctl_row_t *row, char *buf, lunalloc_value_t *value) {
    size_t begun = pair->why->len;
    put_pair(pair);
    text_result_t result = parse_value(row, pair->value, buf, value, pair->why);
    if (result == text_out_of_range) {
        pair->why->len = begun;
        fmt_str(pair->why, "Out-of-range conf value: ");
        put_pair(pair);
        parse_value(row, pair->value, buf, value, pair->why);
    }
    return result == text_good;
}

/* Reports that a value of an unsupported option is ignored, unless it is what the option reads as anyway. */
static void
report_ignored(const pair_t *pair, const ctl_row_t *row, const lunalloc_value_t *value) {
    if (!ctl_unsupported_reads(row, value)) {
        fmt_str(pair->why, "has no effect here: ");
        fmt_str(pair->why, ctl_unsupported_reason(row));
        warn(pair->why->buf);
    }
}

/* Stores a value that fits; false with the reason. */
static bool
store(const pair_t *pair, const ctl_row_t *row, const lunalloc_value_t *value) {
    ctl_call_t call = {.row = row, .value = *value, .given = true, .why = pair->why};
    if (ctl_run(row->store, &call) != 0) {
        return false;
    }
    if (!ctl_is_supported(row)) {
        report_ignored(pair, row, value);
    } else {
        ctl_set_option_source((ctl_option_t)row->option, pair->from->kind);
    }
    return true;
}

/* jemalloc's older name of tcache_max. Its value is a logarithm. */
static const char LG_TCACHE_MAX[] = "lg_tcache_max";

static bool
apply_lg_tcache_max(const pair_t *pair) {
    const ctl_row_t *row = ctl_row_named("opt.tcache_max");
    const ctl_row_t lg = {.type = LUNALLOC_SIZE, .unit = "log2 bytes", .max = lg_floor((uint64_t)row->max)};
    lunalloc_value_t value;
    if (!read_value(pair, &lg, NULL, &value)) {
        return false;
    }
    value.v.u = UINT64_C(1) << value.v.u;
    return store(pair, row, &value);
}

static bool
apply_option(const pair_t *pair, const ctl_row_t *row) {
    char string[OPTION_TEXT_MAX];
    lunalloc_value_t value;
    return read_value(pair, row, string, &value) && store(pair, row, &value);
}

/* Applies a pair; false with the reason. */
static bool
apply_pair(const pair_t *pair) {
    char name[TEXT_MAX_NAME + 1];
    fmt_t out = fmt_begin(name, sizeof name);
    put_name(&out, "opt.", pair->key);
    const ctl_row_t *row = ctl_row_named(name);
    if (row != NULL) {
        return apply_option(pair, row);
    }
    if (is_word(pair->key, LG_TCACHE_MAX)) {
        return apply_lg_tcache_max(pair);
    }
    put_name(pair->why, "'", pair->key);
    fmt_str(pair->why, "' is no option");
    put_nearest(pair->why, name);
    return false;
}

/* Splits "name:value" and applies it; false with the reason. */
static bool
apply_text(span_t text, const config_source_t *source, fmt_t *why) {
    const char *colon = memchr(text.text, ':', text.len);
    if (colon == NULL) {
        put_name(why, "'", text);
        fmt_str(why, "' is no pair; allowed: name:value,name:value");
        return false;
    }
    size_t n = (size_t)(colon - text.text);
    pair_t pair = {
        .key = trim((span_t){text.text, n}),
        .value = trim((span_t){colon + 1, text.len - n - 1}),
        .from = source,
        .why = why,
    };
    return apply_pair(&pair);
}

/* ---- one text ---- */

/* Takes the next pair of a file. It ends at a comma or with the line; a '#' at its start or behind a blank begins a
 * comment, which goes on to the end of the line. */
static span_t
next_of_file(const char **at) {
    span_t pair = {*at, strcspn(*at, ",\n")};
    for (size_t i = 0; i < pair.len; i++) {
        if (pair.text[i] == '#' && (i == 0 || is_blank(pair.text[i - 1]))) {
            *at += strcspn(*at, "\n");
            *at += **at != '\0';
            return (span_t){pair.text, i};
        }
    }
    *at += pair.len;
    *at += **at != '\0';
    return pair;
}

/* Takes the next pair of another source. */
static span_t
next_of_string(const char **at) {
    span_t pair = {*at, strcspn(*at, ",")};
    *at += pair.len;
    *at += **at != '\0';
    return pair;
}

/* Applies the pairs of one source; returns the number of bad ones. */
static unsigned
apply_source(const char *text, const config_source_t *source) {
    unsigned nbad = 0;
    while (*text != '\0') {
        span_t pair = trim(source->kind == source_file ? next_of_file(&text) : next_of_string(&text));
        char buf[512];
        fmt_t why = fmt_begin(buf, sizeof buf);
        fmt_str(&why, name_of(source));
        fmt_str(&why, ": ");
        if (pair.len > 0 && !apply_text(pair, source, &why)) {
            warn(buf);
            nbad++;
        }
    }
    return nbad;
}

/* ---- all sources ---- */

static void
abort_if(bool bad) {
    if (bad && (options.abort || options.abort_conf)) {
        abort();
    }
}

static const char *
variable_of(const config_source_t *source) {
    return source->jemallocs ? system_application_malloc_conf() : system_application_conf();
}

/* The text of a source, NULL if it has none; `file` is the file's. */
static const char *
text_at(const config_source_t *source, const char *file) {
    if (source->kind == source_file) {
        return file;
    }
    return source->kind == source_symbol ? variable_of(source) : system_env(source->name);
}

/* Prints what a source says (confirm_conf). In pieces, since the text may be of any length. */
static void
print_source(const config_source_t *source, const char *text) {
    char buf[128];
    fmt_t line = fmt_begin(buf, sizeof buf);
    fmt_str(&line, "lunalloc: ");
    fmt_str(&line, name_of(source));
    fmt_str(&line, ": \"");
    check_sink(buf, line.len);
    check_sink(text, strlen(text));
    check_sink("\"\n", 2);
}

/* Returns the number of bad pairs. */
static unsigned
read_all(const char *file) {
    const char *texts[NSOURCES];
    unsigned nbad = 0;
    for (size_t i = 0; i < NSOURCES; i++) {
        texts[i] = text_at(&sources[i], file);
        nbad += texts[i] == NULL ? 0 : apply_source(texts[i], &sources[i]);
    }
    for (size_t i = 0; options.confirm_conf && i < NSOURCES; i++) {
        if (texts[i] != NULL) {
            print_source(&sources[i], texts[i]);
        }
    }
    return nbad;
}

/* Maps the text of the machine's file; NULL if there is no file, or no memory. */
static char *
map_file(size_t *mapped) {
    size_t size;
    if (!system_find_config(system_config_path, &size)) {
        return NULL;
    }
    *mapped = align_up(size + 1, pages_size());
    char *text = pages_map(*mapped, pages_size());
    if (text != NULL) {
        system_read_config(system_config_path, text, *mapped);
    }
    return text;
}

void
conf_read(void) {
    size_t mapped = 0;
    char *file = map_file(&mapped);
    unsigned nbad = read_all(file);
    if (file != NULL) {
        pages_unmap(file, mapped);
    }
    abort_if(nbad > 0);
}

void
conf_apply(void) {
    if (options.slab_sizes[0] != '\0') {
        abort_if(class_ranges_slab_sizes(options.slab_sizes, ctl_option_source(option_slab_sizes)) > 0);
    }
    if (options.bin_shards[0] != '\0') {
        abort_if(class_ranges_bin_shards(options.bin_shards, ctl_option_source(option_bin_shards)) > 0);
    }
}

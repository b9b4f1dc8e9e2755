/* conf_pair.c -- the name and the value of a pair: finding the option, parsing, storing. */
#include "control/conf_pair.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/nearest.h"
#include "base/options.h"
#include "control/ctl_unsupported.h"
#include "control/text.h"

#include <string.h>

/* ---- parts of a text ---- */

bool
conf_is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

conf_span_t
conf_trim(conf_span_t span) {
    while (span.len > 0 && conf_is_blank(span.text[0])) {
        span.text++;
        span.len--;
    }
    while (span.len > 0 && conf_is_blank(span.text[span.len - 1])) {
        span.len--;
    }
    return span;
}

static void
put_name(fmt_t *out, const char *prefix, conf_span_t name) {
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
parse_string(conf_span_t text, char *buf, lunalloc_value_t *value, fmt_t *why) {
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
is_word(conf_span_t text, const char *word) {
    return text.len == strlen(word) && memcmp(text.text, word, text.len) == 0;
}

static text_result_t
parse_value(const ctl_row_t *row, conf_span_t text, char *buf, lunalloc_value_t *value, fmt_t *why) {
    if (row->type == LUNALLOC_STRING) {
        return parse_string(text, buf, value, why) ? text_good : text_malformed;
    }
    if (is_word(text, "default")) {
        /* An empty default is one that depends on the machine; 0 stands for it. */
        const char *default_text = row->default_text[0] != '\0' ? row->default_text : "0";
        text = (conf_span_t){default_text, strlen(default_text)};
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
    conf_span_t key, value;
    ctl_source_t source;
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
        ctl_set_option_source((ctl_option_t)row->option, pair->source);
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

bool
conf_apply_pair(conf_span_t text, ctl_source_t source, fmt_t *why) {
    const char *colon = memchr(text.text, ':', text.len);
    if (colon == NULL) {
        put_name(why, "'", text);
        fmt_str(why, "' is no pair; allowed: name:value,name:value");
        return false;
    }
    size_t n = (size_t)(colon - text.text);
    pair_t pair = {
        .key = conf_trim((conf_span_t){text.text, n}),
        .value = conf_trim((conf_span_t){colon + 1, text.len - n - 1}),
        .source = source,
        .why = why,
    };
    return apply_pair(&pair);
}

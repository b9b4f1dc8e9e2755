/* conf.c -- pairs of name and value. */
#include "control/conf.h"

#include "base/check.h"
#include "base/options.h"
#include "control/class_ranges.h"
#include "control/text.h"
#include "os/system.h"

#include <stdlib.h>
#include <string.h>

#define CONF_FILE_MAX 4096

/* Where configurations come from, later ones winning; one of jemalloc's name follows its rules. */
typedef struct {
    char name[16]; /* empty: the machine's file */
    ctl_source_t source;
    bool clips; /* a number out of range is taken as the nearest one in range */
} place_t;

BOOT_CONSTANT static const place_t places[] = {
    {"", source_file, false},
    {"malloc_conf", source_symbol, true},
    {"lunalloc_conf", source_symbol, false},
    {"MALLOC_CONF", source_environment, true},
    {"LUNALLOC_CONF", source_environment, false},
};
#define NPLACES (sizeof places / sizeof places[0])

static const char *
name_of(const place_t *place) {
    return place->source == source_file ? system_config_path : place->name;
}

/* Part of the string. */
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

/* The nearest option to a name, without its "opt.". */
static void
put_nearest(fmt_t *out, const char *name) {
    const char *best = NULL;
    uint32_t least = (uint32_t)(strlen(name) / 2 + 1);
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *row = ctl_rows[i].name;
        uint32_t distance = strncmp(row, "opt.", 4) == 0 ? text_distance(row, name) : UINT32_MAX;
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

/* A value that is text: terminated, and not too long. */
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

static void
clip(const lunalloc_row_t *row, lunalloc_value_t *value) {
    if (value->type == LUNALLOC_SSIZE) {
        value->v.i = value->v.i < row->min ? row->min : value->v.i > row->max ? row->max : value->v.i;
    } else if (value->type != LUNALLOC_BOOL) {
        uint64_t least = (uint64_t)row->min;
        uint64_t most = (uint64_t)row->max;
        value->v.u = value->v.u < least ? least : value->v.u > most ? most : value->v.u;
    }
}

static bool
parse_clipped(const lunalloc_row_t *row, span_t text, lunalloc_value_t *value, fmt_t *why) {
    lunalloc_row_t unranged = *row;
    unranged.ranged = false;
    if (!text_parse(&unranged, text.text, text.len, value, why)) {
        return false;
    }
    clip(row, value);
    return true;
}

static bool
is_word(span_t text, const char *word) {
    return text.len == strlen(word) && memcmp(text.text, word, text.len) == 0;
}

static bool
parse_value(const lunalloc_row_t *row, span_t text, bool clips, char *buf, lunalloc_value_t *value, fmt_t *why) {
    if (row->type == LUNALLOC_STRING) {
        return parse_string(text, buf, value, why);
    }
    if (is_word(text, "default") && row->fallback[0] != '\0') {
        text = (span_t){row->fallback, strlen(row->fallback)};
    }
    return clips && row->ranged ? parse_clipped(row, text, value, why)
                                : text_parse(row, text.text, text.len, value, why);
}

/* Applies one pair; false with the reason in `why`. */
static bool
apply(span_t key, span_t value, const place_t *place, fmt_t *why) {
    char name[TEXT_MAX_NAME + 1];
    fmt_t out = fmt_begin(name, sizeof name);
    put_name(&out, "opt.", key);
    size_t i = ctl_row_named(name);
    put_name(why, "'", key);
    if (i == ctl_nrows) {
        fmt_str(why, "' is no option");
        put_nearest(why, name);
        return false;
    }
    put_name(why, ":", value);
    fmt_str(why, "' ");
    char string[OPTION_TEXT_MAX];
    lunalloc_value_t parsed;
    lunalloc_row_t row = ctl_public_row(&ctl_rows[i]);
    if (!parse_value(&row, value, place->clips, string, &parsed, why) ||
        ctl_store_option(&ctl_rows[i], &parsed, why) != 0) {
        return false;
    }
    ctl_set_source(&ctl_rows[i], place->source);
    return true;
}

static bool
apply_pair(span_t pair, const place_t *place, fmt_t *why) {
    const char *colon = memchr(pair.text, ':', pair.len);
    if (colon == NULL) {
        put_name(why, "'", pair);
        fmt_str(why, "' is no pair; allowed: name:value,name:value");
        return false;
    }
    size_t n = (size_t)(colon - pair.text);
    span_t key = trim((span_t){pair.text, n});
    span_t value = trim((span_t){colon + 1, pair.len - n - 1});
    return apply(key, value, place, why);
}

/* Applies the pairs of one string; returns how many were bad. */
static unsigned
parse(const char *text, const place_t *place) {
    unsigned nbad = 0;
    while (*text != '\0') {
        span_t pair = {text, strcspn(text, ",")};
        text += pair.len;
        text += *text == ',';
        pair = trim(pair);
        char buf[512];
        fmt_t why = fmt_begin(buf, sizeof buf);
        fmt_str(&why, name_of(place));
        fmt_str(&why, ": ");
        if (pair.len > 0 && !apply_pair(pair, place, &why)) {
            warn(buf);
            nbad++;
        }
    }
    return nbad;
}

static void
abort_if(bool bad) {
    if (bad && (options.abort || options.abort_conf)) {
        abort();
    }
}

static const char *
variable_of(const place_t *place) {
    return place->clips ? system_application_malloc_conf() : system_application_conf();
}

/* The configuration there, NULL if there is none; a file's is read into `file`. */
static const char *
text_at(const place_t *place, char *file) {
    if (place->source == source_file) {
        return system_read_config(system_config_path, file, CONF_FILE_MAX) > 0 ? file : NULL;
    }
    return place->source == source_symbol ? variable_of(place) : system_env(place->name);
}

static void
confirm(const place_t *place, const char *text) {
    char buf[CONF_FILE_MAX];
    fmt_t line = fmt_begin(buf, sizeof buf);
    fmt_str(&line, name_of(place));
    fmt_str(&line, ": \"");
    fmt_str(&line, text);
    fmt_char(&line, '"');
    warn(buf);
}

void
conf_read(void) {
    char file[CONF_FILE_MAX];
    const char *texts[NPLACES];
    unsigned nbad = 0;
    for (size_t i = 0; i < NPLACES; i++) {
        texts[i] = text_at(&places[i], file);
        nbad += texts[i] == NULL ? 0 : parse(texts[i], &places[i]);
    }
    for (size_t i = 0; options.confirm_conf && i < NPLACES; i++) {
        if (texts[i] != NULL) {
            confirm(&places[i], texts[i]);
        }
    }
    abort_if(nbad > 0);
}

static ctl_source_t
source_of(const char *option) {
    return ctl_row_source(&ctl_rows[ctl_row_named(option)]);
}

void
conf_apply(void) {
    if (options.slab_sizes[0] != '\0') {
        abort_if(class_ranges_slab_sizes(options.slab_sizes, source_of("opt.slab_sizes")) > 0);
    }
    if (options.bin_shards[0] != '\0') {
        abort_if(class_ranges_bin_shards(options.bin_shards, source_of("opt.bin_shards")) > 0);
    }
}

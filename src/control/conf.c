/* conf.c -- the sources of the configuration, and the pairs in each. */
#include "control/conf.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/options.h"
#include "control/class_ranges.h"
#include "control/conf_pair.h"
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

/* ---- one text ---- */

/* Takes the next pair of a file. It ends at a comma or with the line; a '#' at its start or behind a blank begins a
 * comment, which goes on to the end of the line. */
static conf_span_t
next_of_file(const char **at) {
    conf_span_t pair = {*at, strcspn(*at, ",\n")};
    for (size_t i = 0; i < pair.len; i++) {
        if (pair.text[i] == '#' && (i == 0 || conf_is_blank(pair.text[i - 1]))) {
            *at += strcspn(*at, "\n");
            *at += **at != '\0';
            return (conf_span_t){pair.text, i};
        }
    }
    *at += pair.len;
    *at += **at != '\0';
    return pair;
}

/* Takes the next pair of another source. */
static conf_span_t
next_of_string(const char **at) {
    conf_span_t pair = {*at, strcspn(*at, ",")};
    *at += pair.len;
    *at += **at != '\0';
    return pair;
}

/* Applies the pairs of one source; returns the number of bad ones. */
static unsigned
apply_source(const char *text, const config_source_t *source) {
    unsigned nbad = 0;
    while (*text != '\0') {
        conf_span_t pair = conf_trim(source->kind == source_file ? next_of_file(&text) : next_of_string(&text));
        char buf[512];
        fmt_t why = fmt_begin(buf, sizeof buf);
        fmt_str(&why, name_of(source));
        fmt_str(&why, ": ");
        if (pair.len > 0 && !conf_apply_pair(pair, source->kind, &why)) {
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

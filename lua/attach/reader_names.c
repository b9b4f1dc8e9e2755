/* reader_names.c -- the schema of another process: its rows, and what may be asked about names (control/ctl_browse.h,
 * control/ctl_names.h, which know only the schema of their own process). */
#include "attach/reader.h"

#include "base/nearest.h"
#include "control/ctl_args.h"
#include "control/ctl_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

/* Texts end within their fields, and are plain. */
static void
end_text(char *text, size_t size) {
    text[size - 1] = '\0';
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
    }
}

static void
make_sound(ctl_row_t *row) {
    end_text(row->name, sizeof row->name);
    end_text(row->doc, sizeof row->doc);
    end_text(row->unit, sizeof row->unit);
    end_text(row->access, sizeof row->access);
    end_text(row->applies, sizeof row->applies);
    end_text(row->default_text, sizeof row->default_text);
    row->type = row->type > LUNALLOC_STRUCT ? LUNALLOC_STRUCT : row->type;
    row->option = row->option < OPTION_COUNT ? row->option : (uint8_t)option_none;
}

static const char *
live_name(const ctl_row_t *row) {
    static const char names[OPTION_COUNT][32] = {
#define OPTION(name, type, unit, range, default_text, live, doc) [option_##name] = live,
#define OPTION_AS(name, type, unit, access, applies, range, default_text, live, doc, read, write, store)               \
    [option_##name] = live,
#include "control/schema/opt.def"
#undef OPTION
#undef OPTION_AS
    };
    bool tells_setting = row->access[1] != 'w' && row->default_text[0] != '\0';
    return row->store != CTL_none || tells_setting ? names[row->option] : "";
}

static int
copy_rows(reader_t *reader) {
    size_t size = foreign_size(&reader->foreign, layout_row);
    char *bytes = malloc(reader->nrows * size);
    reader->rows = calloc(reader->nrows, sizeof *reader->rows);
    reader->public_rows = calloc(reader->nrows, sizeof *reader->public_rows);
    if (bytes == NULL || reader->rows == NULL || reader->public_rows == NULL) {
        free(bytes);
        return reader_fail(reader, ENOMEM, "no memory");
    }
    int error = reader_copy(reader, foreign_variable(&reader->foreign, ctl_rows), bytes, reader->nrows * size);
    for (size_t i = 0; error == 0 && i < reader->nrows; i++) {
        foreign_copy(&reader->foreign, layout_row, bytes + i * size, &reader->rows[i]);
        make_sound(&reader->rows[i]);
        reader->public_rows[i] = ctl_row_with(&reader->rows[i], live_name(&reader->rows[i]));
    }
    free(bytes);
    return error;
}

int
reader_rows(reader_t *reader) {
    int error = reader_variable(reader, ctl_nrows, &reader->nrows);
    error = error == 0 ? reader_variable(reader, ctl_nsupported, &reader->nsupported) : error;
    if (error == 0 && (reader->nrows > CTL_MAX_ROWS || reader->nrows == 0 || reader->nsupported > reader->nrows)) {
        return reader_fail(reader, EPROTO, "its schema of controls is damaged");
    }
    return error == 0 ? copy_rows(reader) : error;
}

/* ---- matching ---- */

static size_t
component(const char *name) {
    return strcspn(name, ".");
}

/* The number in len bytes; false if they are none (control/ctl_names.c). */
static bool
parse_index(const char *text, size_t len, size_t *index) {
    *index = 0;
    for (size_t i = 0; i < len && i < 9; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *index = *index * 10 + (size_t)(text[i] - '0');
    }
    return len > 0 && len <= 9 && (len == 1 || text[0] != '0');
}

/* Matches one component of a name with that of a pattern. */
static bool
match_component(const char *pattern, size_t np, const char *name, size_t nn, reader_name_t *out) {
    size_t index;
    if (pattern[0] != '<') {
        return np == nn && memcmp(pattern, name, np) == 0;
    }
    bool number = parse_index(name, nn, &index);
    if (out->nplaces == CTL_MAX_INDICES || (!number && (nn < 3 || name[0] != '<'))) {
        return false;
    }
    out->index[out->nplaces++] = number ? index : 0;
    out->nindices += number;
    return true;
}

/* Matches the whole name with the beginning of a row's pattern; returns what is left of it, NULL if it does not match.
 */
static const char *
match(const ctl_row_t *row, const char *name, reader_name_t *out) {
    const char *pattern = row->name;
    *out = (reader_name_t){.row = row};
    for (;;) {
        size_t np = component(pattern), nn = component(name);
        if (!match_component(pattern, np, name, nn, out)) {
            return NULL;
        }
        pattern += np;
        name += nn;
        if (*name == '\0') {
            return pattern;
        }
        if (*pattern == '\0') {
            return NULL;
        }
        pattern++;
        name++;
    }
}

/* The first row that the name matches as a whole, or (group) begins; NULL. */
static const char *
find(const reader_t *reader, const char *name, bool group, reader_name_t *out) {
    for (size_t i = 0; i < reader->nrows; i++) {
        const char *rest = match(&reader->rows[i], name, out);
        if (rest != NULL && *rest == (group ? '.' : '\0')) {
            return rest;
        }
    }
    return NULL;
}

/* ---- suggestions ---- */

/* The pattern with the numbers that the name has in the places of its indices. */
static void
instantiate(const char *pattern, const char *name, char *buf, size_t size) {
    size_t used = 0;
    while (*pattern != '\0' && used + 1 < size) {
        size_t np = component(pattern), nn = component(name), index;
        bool own = pattern[0] == '<' && parse_index(name, nn, &index);
        int n = snprintf(buf + used, size - used, "%.*s%s", (int)(own ? nn : np), own ? name : pattern,
                         pattern[np] == '.' ? "." : "");
        used += n < 0 ? 0 : (size_t)n;
        pattern += np + (pattern[np] == '.');
        name += nn + (name[nn] == '.');
    }
}

bool
reader_suggest(reader_t *reader, const char *name, char *near, size_t size) {
    char candidate[128] = "";
    uint32_t best = NEAREST_NONE;
    for (size_t i = 0; i < reader->nsupported; i++) {
        instantiate(reader->rows[i].name, name, candidate, sizeof candidate);
        uint32_t distance = nearest_distance(name, candidate);
        if (distance < best) {
            best = distance;
            snprintf(near, size, "%s", candidate);
        }
    }
    return best != NEAREST_NONE;
}

/* ---- from a name to its row ---- */

static int
refuse(reader_t *reader, const char *name) {
    char near[128];
    reader_name_t begun;
    const char *rest = find(reader, name, true, &begun);
    if (rest != NULL) {
        return reader_fail(reader, ENOENT, "%s is a group of controls, such as %s%s", name, name, rest);
    }
    if (reader_suggest(reader, name, near, sizeof near)) {
        return reader_fail(reader, ENOENT, "no control '%.200s'; did you mean '%s'?", name, near);
    }
    return reader_fail(reader, ENOENT, "no control '%.200s'", name);
}

int
reader_resolve(reader_t *reader, const char *name, bool patterns, reader_name_t *out) {
    if (find(reader, name, false, out) == NULL) {
        return refuse(reader, name);
    }
    if (!patterns && out->nindices < out->nplaces) {
        return reader_fail(reader, EINVAL, "%s needs a number in the place of <i> or <j>", name);
    }
    return 0;
}

/* ---- limits ---- */

static bool
follows(const char *whole, const char *place, const char *word) {
    size_t n = strlen(word);
    return (size_t)(place - whole) >= n && strncmp(place - n, word, n) == 0;
}

static size_t
limit_of(const reader_t *reader, const char *pattern, const char *place) {
    const sc_t *classes = &reader->classes;
    if (follows(pattern, place, "bin.") || follows(pattern, place, "bins.")) {
        return classes->nsmall;
    }
    if (follows(pattern, place, "lextent.") || follows(pattern, place, "lextents.")) {
        return classes->nsizes - classes->nsmall;
    }
    if (follows(pattern, place, "extents.")) {
        return SC_NPAGE_CLASSES;
    }
    if (follows(pattern, place, "caches.")) {
        return reader_ncached(reader);
    }
    return follows(pattern, place, "nonfull_slabs.") ? 64 : reader->narenas;
}

int
reader_limit(reader_t *reader, const char *name, size_t *limit) {
    *limit = 0;
    for (size_t i = 0; i < reader->nrows; i++) {
        reader_name_t found;
        if (match(&reader->rows[i], name, &found) != NULL) {
            const char *pattern = reader->rows[i].name, *place = strchr(pattern, '<');
            for (unsigned k = 0; place != NULL && k < found.nindices; k++) {
                place = strchr(place + 1, '<');
            }
            *limit = place == NULL ? 0 : limit_of(reader, pattern, place);
            return 0;
        }
    }
    return 0;
}

/* ---- sources ---- */

/* One byte of an array of the target; 0 if it cannot be read. */
static unsigned
label_at(reader_t *reader, uint64_t addr) {
    uint8_t label = 0;
    return picture_read(&reader->picture, addr, &label, sizeof label) ? label : 0;
}

static unsigned
own_label(reader_t *reader, const reader_name_t *name) {
    const foreign_t *foreign = &reader->foreign;
    const ctl_row_t *row = name->row;
    size_t index = name->nindices > 0 ? name->index[0] : SIZE_MAX, position = (size_t)(row - reader->rows);
    if (ctl_has(row, ctl_of_arena)) {
        uint64_t written = 0;
        bool read =
            index < ARENAS_MAX &&
            picture_read(&reader->picture, foreign_variable(foreign, ctl_arenas_written) + index * sizeof written,
                         &written, sizeof written);
        return read && (written >> (position & 63) & 1) != 0 ? 4 : 0;
    }
    if (ctl_has(row, ctl_of_class) && index < SC_MAX_SMALL && row->arg <= BIN_SLAB_SIZE) {
        return label_at(reader, foreign_variable(foreign, ctl_class_sources) + row->arg * SC_MAX_SMALL + index);
    }
    return row->store != CTL_none ? label_at(reader, foreign_variable(foreign, ctl_option_sources) + row->option)
                                  : label_at(reader, foreign_variable(foreign, ctl_row_sources) + position);
}

int
reader_source(reader_t *reader, const char *name, const char **source) {
    static const char *const names[] = {"default", "file", "symbol", "environment", "live"};
    reader_name_t found;
    int error = reader_resolve(reader, name, true, &found);
    if (error != 0) {
        return error;
    }
    unsigned label = own_label(reader, &found);
    label = label != 0 ? label
                       : label_at(reader, foreign_variable(&reader->foreign, ctl_option_sources) + found.row->option);
    *source = label < sizeof names / sizeof *names ? names[label] : "unknown";
    return 0;
}

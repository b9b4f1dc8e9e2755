/*
 * ctl_names.c -- from names to rows: a name with its numbers replaced by <i> and <j> is looked up in the sorted table;
 * prefixes, limits of indices, and suggestions go through it row by row.
 */
#include "control/ctl_names.h"

#include "arena/arenas.h"
#include "base/nearest.h"
#include "control/text.h"
#include "observe/stats.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

/* ---- components ---- */

static size_t
component(const char *name) {
    return strcspn(name, ".");
}

static bool
is_index(const char *pattern) {
    return pattern[0] == '<';
}

/* A decimal of at most 9 digits without leading zeros. */
static bool
parse_index(const char *text, size_t len, size_t *index) {
    *index = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *index = *index * 10 + (size_t)(text[i] - '0');
    }
    return len > 0 && len <= 9 && (len == 1 || text[0] != '0');
}

/* ---- whole names ---- */

/* A name on its way to its pattern. */
typedef struct {
    const char *at; /* what is left of the name */
    char *out;      /* where the pattern goes on */
    char *end;      /* where its terminator fits at last */
} parse_t;

static bool
begins_index(char c) {
    return (c >= '0' && c <= '9') || c == '<';
}

/* A number as <i>, then <j>; a component of a pattern stands for itself if that is allowed. False if neither. */
static bool
put_index(parse_t *parse, bool patterns, ctl_name_t *name) {
    size_t len = component(parse->at);
    size_t index = 0;
    bool number = parse_index(parse->at, len, &index);
    if (name->nplaces == CTL_MAX_INDICES || parse->end - parse->out < 3 ||
        (!number && !(patterns && is_index(parse->at)))) {
        return false;
    }
    memcpy(parse->out, name->nplaces == 0 ? "<i>" : "<j>", 3);
    parse->out += 3;
    parse->at += len;
    name->place[name->nplaces] = name->ncomponents;
    name->call.index[name->nplaces++] = index;
    name->nindices += number;
    return true;
}

static bool
put_word(parse_t *parse) {
    while (*parse->at != '.' && *parse->at != '\0' && parse->out < parse->end) {
        *parse->out++ = *parse->at++;
    }
    return *parse->at == '.' || *parse->at == '\0';
}

/* The pattern of a name, and what the name says itself. False if no row has one of this form. */
static bool
put_pattern(const char *text, bool patterns, ctl_name_t *name, char *pattern) {
    parse_t parse = {.at = text, .out = pattern, .end = pattern + CTL_NAME_MAX};
    for (;; name->ncomponents++) {
        if (begins_index(*parse.at) ? !put_index(&parse, patterns, name) : !put_word(&parse)) {
            return false;
        }
        if (*parse.at == '\0') {
            *parse.out = '\0';
            name->ncomponents++;
            return true;
        }
        if (parse.out == parse.end) {
            return false;
        }
        *parse.out++ = *parse.at++;
    }
}

static void
set_row(ctl_name_t *out, size_t i) {
    out->row = out->call.row = &ctl_rows[i];
    out->call.arg = out->row->arg;
}

int
ctl_resolve(const char *name, bool patterns, ctl_name_t *out) {
    char pattern[CTL_NAME_MAX + 1];
    *out = (ctl_name_t){0};
    size_t i = put_pattern(name, patterns, out, pattern) ? ctl_row_named(pattern) : ctl_nrows;
    if (i == ctl_nrows) {
        return ENOENT;
    }
    set_row(out, i);
    out->whole = true;
    return 0;
}

/* ---- prefixes, and how far their next index goes ---- */

/* Does one component of a name match the pattern's? Fills the next index. */
static bool
matches(const char *pattern, const char *name, ctl_name_t *out) {
    size_t np = component(pattern);
    size_t nn = component(name);
    size_t index = 0;
    bool number = is_index(pattern) && parse_index(name, nn, &index);
    if (!number && (np != nn || memcmp(pattern, name, np) != 0)) {
        return false;
    }
    if (is_index(pattern)) {
        out->place[out->nplaces] = out->ncomponents;
        out->call.index[out->nplaces++] = index;
        out->nindices += number;
    }
    return true;
}

/* Matches the first n components of `name`, or all; returns what is left of the pattern, NULL if it does not match. */
static const char *
match_prefix(const char *pattern, const char *name, size_t n, ctl_name_t *out) {
    *out = (ctl_name_t){0};
    for (;;) {
        if (!matches(pattern, name, out)) {
            return NULL;
        }
        out->ncomponents++;
        pattern += component(pattern);
        name += component(name);
        if (*name == '\0' || out->ncomponents == n) {
            return pattern;
        }
        if (*pattern == '\0') {
            return NULL;
        }
        pattern++;
        name++;
    }
}

int
ctl_resolve_prefix(const char *name, size_t n, ctl_name_t *out) {
    if (ctl_resolve(name, false, out) == 0) {
        return 0;
    }
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *rest = match_prefix(ctl_rows[i].name, name, n, out);
        if (rest != NULL && out->nindices == out->nplaces) {
            set_row(out, i);
            return 0;
        }
    }
    return ENOENT;
}

static bool
follows(const char *whole, const char *place, const char *word) {
    size_t n = strlen(word);
    return (size_t)(place - whole) >= n && strncmp(place - n, word, n) == 0;
}

/* jemalloc's classes of what there is none of here. */
#define HUGE_SLAB_CLASSES 64

/* How many values the index at `place` of a pattern takes: the component before it says of what. */
static size_t
limit_of(const char *pattern, const char *place) {
    if (follows(pattern, place, "bin.") || follows(pattern, place, "bins.")) {
        return sc.nsmall;
    }
    if (follows(pattern, place, "lextent.") || follows(pattern, place, "lextents.")) {
        return sc.nsizes - sc.nsmall;
    }
    if (follows(pattern, place, "extents.")) {
        return SC_NPAGE_CLASSES;
    }
    if (follows(pattern, place, "caches.")) {
        return tcache_nclasses();
    }
    return follows(pattern, place, "nonfull_slabs.") ? HUGE_SLAB_CLASSES : arenas_count();
}

/* Where the k-th index of a pattern is; NULL if it has fewer. */
static const char *
index_place(const char *pattern, unsigned k) {
    const char *at = strchr(pattern, '<');
    for (; at != NULL && k > 0; k--) {
        at = strchr(at + 1, '<');
    }
    return at;
}

size_t
ctl_limit(const char *name) {
    ctl_name_t resolved;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *pattern = ctl_rows[i].name;
        if (match_prefix(pattern, name, SIZE_MAX, &resolved) != NULL) {
            const char *open = index_place(pattern, resolved.nindices);
            return open == NULL ? 0 : limit_of(pattern, open);
        }
    }
    return 0;
}

bool
ctl_is_of(const ctl_row_t *row, const char *subtree) {
    return strncmp(row->name, subtree, strlen(subtree)) == 0;
}

/* As jemalloc has it: the number of arenas is an index too, and stands for all of them where several may be meant. */
static bool
arena_in_reach(const ctl_row_t *row, size_t index) {
    uint32_t count = arenas_count();
    if (index >= count) {
        bool settings = !ctl_is_of(row, CTL_STATS_ARENAS);
        return index == count || index == CTL_ALL_ARENAS ||
               (index == STATS_DESTROYED && (settings || arenas_ndestroyed() > 0));
    }
    return ctl_is_of(row, CTL_ARENA) || arenas_get((uint32_t)index) == NULL || arenas_alive((uint32_t)index);
}

bool
ctl_in_reach(const ctl_row_t *row, unsigned k, size_t index) {
    bool arenas =
        ctl_is_of(row, CTL_ARENA) || ctl_is_of(row, CTL_STATS_ARENAS) || ctl_is_of(row, CTL_EXPERIMENTAL_ARENAS);
    return k == 0 && arenas ? arena_in_reach(row, index) : index < limit_of(row->name, index_place(row->name, k));
}

/* ---- groups ---- */

/* The first row of which a name is a proper beginning; what is left of the row's then. NULL if there is none. */
static const char *
find_member(const char *name, ctl_name_t *out, size_t *row) {
    for (*row = 0; *row < ctl_nrows; ++*row) {
        const char *rest = match_prefix(ctl_rows[*row].name, name, SIZE_MAX, out);
        if (rest != NULL && *rest == '.') {
            set_row(out, *row);
            return rest;
        }
    }
    return NULL;
}

bool
ctl_is_group(const char *name) {
    ctl_name_t begun;
    size_t row;
    if (find_member(name, &begun, &row) == NULL) {
        return false;
    }
    for (unsigned k = 0; k < begun.nindices; k++) {
        if (!ctl_in_reach(begun.row, k, begun.call.index[k])) {
            return false;
        }
    }
    return true;
}

bool
ctl_member(const char *group, char *buf, size_t size) {
    ctl_name_t begun;
    size_t row;
    const char *rest = find_member(group, &begun, &row);
    fmt_t out = fmt_begin(buf, size);
    fmt_str(&out, group);
    fmt_str(&out, rest == NULL ? "" : rest);
    return rest != NULL;
}

/* ---- suggestions ---- */

/* The pattern with the name's own numbers in the places of its indices. */
static void
instantiate(const char *pattern, const char *name, char *buf, size_t size) {
    fmt_t out = fmt_begin(buf, size);
    while (*pattern != '\0') {
        size_t np = component(pattern);
        size_t nn = component(name);
        size_t index;
        bool own = is_index(pattern) && parse_index(name, nn, &index);
        fmt_mem(&out, own ? name : pattern, own ? nn : np);
        pattern += np;
        name += nn;
        if (*pattern == '.') {
            fmt_char(&out, '.');
            pattern++;
        }
        name += *name == '.';
    }
}

bool
ctl_suggest(const char *name, char *buf, size_t size) {
    char candidate[TEXT_MAX_NAME + 2], nearest[TEXT_MAX_NAME + 2] = "";
    uint32_t best = NEAREST_NONE;
    for (size_t i = 0; i < ctl_nrows; i++) {
        instantiate(ctl_rows[i].name, name, candidate, sizeof candidate);
        uint32_t distance = nearest_distance(name, candidate);
        if (distance < best) {
            best = distance;
            strcpy(nearest, candidate);
        }
    }
    if (size > 0) {
        size_t len = strlen(nearest) < size ? strlen(nearest) : size - 1;
        memcpy(buf, nearest, len);
        buf[len] = '\0';
    }
    return best != NEAREST_NONE;
}

/*
 * ctl_names.c -- from names to rows: a name with its numbers replaced by <i> and <j> is looked up in the sorted table;
 * prefixes, limits of indices, and suggestions go through it row by row.
 */
#include "control/ctl_names.h"

#include "arena/arenas.h"
#include "control/text.h"

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

/* Appends a component of a name to its pattern: an index as <i>, then <j>. False if no row has such a name. */
static bool
put_component(fmt_t *pattern, const char *text, size_t len, bool patterns, ctl_name_t *out) {
    static const char places[CTL_MAX_INDICES][4] = {"<i>", "<j>"};
    size_t index;
    bool number = parse_index(text, len, &index);
    if (!number && !(patterns && is_index(text))) {
        fmt_mem(pattern, text, len);
        return text[0] != '<';
    }
    if (out->nplaces == CTL_MAX_INDICES) {
        return false;
    }
    fmt_str(pattern, places[out->nplaces]);
    out->call.index[out->nplaces++] = number ? index : 0;
    out->nindices += number;
    return true;
}

/* The pattern of a name. False if no row has one of this form. */
static bool
put_pattern(fmt_t *pattern, const char *name, bool patterns, ctl_name_t *out) {
    for (;;) {
        size_t len = component(name);
        if (len > CTL_NAME_MAX || !put_component(pattern, name, len, patterns, out)) {
            return false;
        }
        if (name[len] == '\0' || pattern->len > CTL_NAME_MAX) {
            return name[len] == '\0';
        }
        fmt_char(pattern, '.');
        name += len + 1;
    }
}

int
ctl_resolve(const char *name, bool patterns, ctl_name_t *out) {
    char buf[CTL_NAME_MAX + 2];
    fmt_t pattern = fmt_begin(buf, sizeof buf);
    *out = (ctl_name_t){0};
    size_t i = put_pattern(&pattern, name, patterns, out) ? ctl_row_named(buf) : ctl_nrows;
    if (i == ctl_nrows) {
        return ENOENT;
    }
    out->row = &ctl_rows[i];
    out->call.arg = out->row->arg;
    return 0;
}

/* ---- prefixes, and how far their next index goes ---- */

/* Does one component of a name match the pattern's? Fills the next index. */
static bool
matches(const char *pattern, const char *name, bool patterns, ctl_name_t *out, unsigned *k) {
    size_t np = component(pattern);
    size_t nn = component(name);
    if (np == nn && memcmp(pattern, name, np) == 0 && (patterns || !is_index(pattern))) {
        *k += is_index(pattern);
        return true;
    }
    if (!is_index(pattern) || !parse_index(name, nn, &out->call.index[*k])) {
        return false;
    }
    out->nindices++;
    (*k)++;
    return true;
}

/* Matches whole components up to the end of `name`; returns what is left of the pattern, NULL if it does not match. */
static const char *
match_prefix(const char *pattern, const char *name, bool patterns, ctl_name_t *out) {
    unsigned k = 0;
    out->nindices = 0;
    for (;;) {
        if (!matches(pattern, name, patterns, out, &k)) {
            return NULL;
        }
        pattern += component(pattern);
        name += component(name);
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

/* How many values the index at `pattern` takes, which follows the components before it in `whole`. */
static size_t
limit_of(const char *whole, const char *pattern) {
    size_t n = (size_t)(pattern - whole);
    if (strncmp(whole, "arenas.bin.", n) == 0 || (n > 5 && strncmp(pattern - 5, "bins.", 5) == 0)) {
        return sc.nsmall;
    }
    if (strncmp(whole, "arenas.lextent.", n) == 0 || (n > 9 && strncmp(pattern - 9, "lextents.", 9) == 0)) {
        return sc.nsizes - sc.nsmall;
    }
    return arenas_count();
}

size_t
ctl_limit(const char *name) {
    ctl_name_t resolved;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *pattern = ctl_rows[i].name;
        const char *rest = match_prefix(pattern, name, true, &resolved);
        if (rest == NULL) {
            continue;
        }
        const char *open = pattern;
        for (unsigned k = 0; (open = strchr(open, '<')) != NULL && k < resolved.nindices; k++) {
            open++;
        }
        return open == NULL ? 0 : limit_of(pattern, open);
    }
    return 0;
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
    char candidate[TEXT_MAX_NAME + 1];
    uint32_t limit = (uint32_t)(strlen(name) < TEXT_MAX_NAME ? strlen(name) / 3 + 1 : 0);
    uint32_t best = limit + 1;
    fmt_t out = fmt_begin(buf, size);
    for (size_t i = 0; i < ctl_nrows; i++) {
        instantiate(ctl_rows[i].name, name, candidate, sizeof candidate);
        uint32_t distance = text_distance(name, candidate);
        if (distance < best) {
            best = distance;
            out = fmt_begin(buf, size);
            fmt_str(&out, candidate);
        }
    }
    return best <= limit;
}

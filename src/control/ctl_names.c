/* ctl_names.c -- replaces the numbers of a name by <i> and <j>, and finds the row of that pattern by bisection. */
#include "control/ctl_names.h"

#include <errno.h>
#include <string.h>

/* ---- components ---- */

size_t
ctl_component(const char *name) {
    return strcspn(name, ".");
}

bool
ctl_is_index(const char *pattern) {
    return pattern[0] == '<';
}

bool
ctl_parse_index(const char *text, size_t len, size_t *index) {
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

/* A name that is being turned into its pattern. */
typedef struct {
    const char *at; /* the rest of the name */
    char *out;      /* the end of the pattern so far */
    char *end;      /* the last byte of its buffer, for the terminator */
} parse_t;

static bool
begins_index(char c) {
    return (c >= '0' && c <= '9') || c == '<';
}

/* Turns a number into <i>, the second one into <j>; keeps a component "<i>" if patterns are allowed. False for any
 * other component. */
static bool
put_index(parse_t *parse, bool patterns, ctl_name_t *name) {
    size_t len = ctl_component(parse->at);
    size_t index = 0;
    bool number = ctl_parse_index(parse->at, len, &index);
    if (name->nplaces == CTL_MAX_INDICES || parse->end - parse->out < 3 ||
        (!number && !(patterns && ctl_is_index(parse->at)))) {
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

/* Copies a component that is a word. False if the pattern gets too long. */
static bool
put_word(parse_t *parse) {
    while (*parse->at != '.' && *parse->at != '\0' && parse->out < parse->end) {
        *parse->out++ = *parse->at++;
    }
    return *parse->at == '.' || *parse->at == '\0';
}

/* Makes the pattern of a name, and fills in components and indices. False if no row can have such a pattern. */
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

/* The first eight bytes of a name as a number: comparing two numbers compares the bytes. A shorter name is followed by
 * zeros. */
static uint64_t
beginning(const char *name) {
    uint64_t bytes;
    memcpy(&bytes, name, sizeof bytes);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(bytes) : bytes;
}

/* The row of that pattern among the sorted rows [from, to); NULL if there is none. */
static const ctl_row_t *
find_row(const char *pattern, size_t from, size_t to) {
    char begun[sizeof(uint64_t)] = "";
    size_t len = strlen(pattern) < sizeof begun ? strlen(pattern) : sizeof begun;
    uint64_t begins = beginning(memcpy(begun, pattern, len));
    while (from < to) {
        size_t middle = (from + to) / 2;
        const char *name = ctl_rows[middle].name;
        uint64_t other = beginning(name);
        int order = other == begins ? strcmp(name + len, pattern + len) : other < begins ? -1 : 1;
        if (order == 0) {
            return &ctl_rows[middle];
        }
        from = order < 0 ? middle + 1 : from;
        to = order < 0 ? to : middle;
    }
    return NULL;
}

const ctl_row_t *
ctl_row_named(const char *pattern) {
    const ctl_row_t *row = find_row(pattern, 0, ctl_nsupported);
    return row != NULL ? row : find_row(pattern, ctl_nsupported, ctl_nrows);
}

/* Field by field: as a whole, the compiler zeroes it by "rep stos", which costs 10 ns to begin with. */
static inline void
begin_name(ctl_name_t *out, bool whole) {
    out->call.row = NULL;
    out->call.index[0] = out->call.index[1] = 0;
    out->call.typed = out->call.given = false;
    out->call.value.type = LUNALLOC_VOID;
    out->call.value.v.u = 0;
    out->call.io = NULL;
    out->call.why = NULL;
    out->whole = whole;
    out->ncomponents = out->nplaces = out->nindices = 0;
    out->place[0] = out->place[1] = 0;
}

int
ctl_resolve(const char *name, bool patterns, ctl_name_t *out) {
    char pattern[CTL_NAME_MAX + 1];
    begin_name(out, true);
    out->call.row = put_pattern(name, patterns, out, pattern) ? ctl_row_named(pattern) : NULL;
    return out->call.row != NULL ? 0 : ENOENT;
}

/* ---- prefixes ---- */

/* Does the first component of a name match the pattern's? Fills in an index. */
static bool
matches(const char *pattern, const char *name, ctl_name_t *out) {
    size_t np = ctl_component(pattern);
    size_t nn = ctl_component(name);
    size_t index = 0;
    bool number = ctl_is_index(pattern) && ctl_parse_index(name, nn, &index);
    if (!number && (np != nn || memcmp(pattern, name, np) != 0)) {
        return false;
    }
    if (ctl_is_index(pattern)) {
        out->place[out->nplaces] = out->ncomponents;
        out->call.index[out->nplaces++] = index;
        out->nindices += number;
    }
    return true;
}

const char *
ctl_match_prefix(const char *pattern, const char *name, size_t n, ctl_name_t *out) {
    begin_name(out, false);
    for (;;) {
        if (!matches(pattern, name, out)) {
            return NULL;
        }
        out->ncomponents++;
        pattern += ctl_component(pattern);
        name += ctl_component(name);
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
        const char *rest = ctl_match_prefix(ctl_rows[i].name, name, n, out);
        if (rest != NULL && out->nindices == out->nplaces) {
            out->call.row = &ctl_rows[i];
            return 0;
        }
    }
    return ENOENT;
}

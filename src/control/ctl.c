/* ctl.c -- resolution of names, typed and textual access, suggestions. */
#include "control/ctl.h"

#include "arena/arenas.h"
#include "base/atomic.h"
#include "base/options.h"
#include "control/text.h"

#include <errno.h>
#include <string.h>

#define MAX_ROWS 256

/* Where each row's value comes from; slab sizes, class by class. Relaxed: labels for people. */
static _Atomic uint8_t sources[MAX_ROWS];
static _Atomic uint8_t slab_size_sources[SC_MAX_SMALL];

static _Atomic uint8_t *
source_at(const ctl_name_t *name) {
    bool of_class = name->nindices == 1 && name->call.index[0] < SC_MAX_SMALL &&
                    strcmp(name->row->public.name, "arenas.bin.<i>.slab_size") == 0;
    return of_class ? &slab_size_sources[name->call.index[0]] : &sources[name->row - ctl_rows];
}

/* ---- components of names ---- */

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

int
ctl_resolve(const char *name, bool patterns, ctl_name_t *out) {
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *rest = match_prefix(ctl_rows[i].public.name, name, patterns, out);
        if (rest != NULL && *rest == '\0') {
            out->row = &ctl_rows[i];
            out->call.arg = out->row->arg;
            return 0;
        }
    }
    return ENOENT;
}

/* ---- typed access: jemalloc's calling convention ---- */

static size_t
value_size(lunalloc_type_t type) {
    switch (type) {
    case LUNALLOC_VOID:
        return 0;
    case LUNALLOC_BOOL:
        return sizeof(bool);
    case LUNALLOC_UNSIGNED:
        return sizeof(unsigned);
    case LUNALLOC_STRING:
        return sizeof(const char *);
    case LUNALLOC_POINTER:
        return sizeof(void *);
    case LUNALLOC_SIZE:
    case LUNALLOC_SSIZE:
    case LUNALLOC_U64:
        return sizeof(uint64_t);
    }
    return 0;
}

/* The address of the value in its C type. */
static const void *
as_c(const lunalloc_value_t *value, unsigned *narrow) {
    *narrow = (unsigned)value->v.u;
    return value->type == LUNALLOC_UNSIGNED ? (const void *)narrow : (const void *)&value->v;
}

/* Reads into the caller's buffer, whose size must be right: a reading may be a doing (arenas.create). */
static int
get_old(const ctl_name_t *name, void *oldp, const size_t *oldlenp, fmt_t *why) {
    unsigned narrow;
    lunalloc_value_t value = {.type = name->row->public.type};
    if (*oldlenp != value_size(value.type)) {
        return EINVAL;
    }
    int error = name->row->read(&name->call, &value, why);
    if (error == 0) {
        memcpy(oldp, as_c(&value, &narrow), *oldlenp);
    }
    return error;
}

static int
get_new(lunalloc_type_t type, const void *newp, size_t newlen, lunalloc_value_t *value) {
    if (newp == NULL || newlen != value_size(type)) {
        return EINVAL;
    }
    *value = (lunalloc_value_t){.type = type};
    if (type == LUNALLOC_UNSIGNED) {
        unsigned narrow;
        memcpy(&narrow, newp, sizeof narrow);
        value->v.u = narrow;
    } else {
        memcpy(&value->v, newp, newlen);
    }
    return 0;
}

static int
write_checked(const ctl_name_t *name, const lunalloc_value_t *value, fmt_t *why) {
    if (!text_in_range(&name->row->public, value, why)) {
        return EINVAL;
    }
    int error = name->row->write(&name->call, value, why);
    if (error == 0) {
        atomic_set(source_at(name), source_live);
    }
    return error;
}

/* The old value is read before the new one is written; nothing is written if anything is wrong. */
static int
access_typed(const ctl_name_t *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    const ctl_row_t *row = name->row;
    char buf[256];
    fmt_t why = fmt_begin(buf, sizeof buf);
    bool reads = oldp != NULL && oldlenp != NULL;
    bool writes = newp != NULL || newlen != 0;
    if (row->public.type == LUNALLOC_VOID) {
        return reads || writes ? EPERM : row->write(&name->call, NULL, &why);
    }
    if ((reads && row->read == NULL) || (writes && row->write == NULL)) {
        return EPERM;
    }
    lunalloc_value_t new_value;
    int error = writes ? get_new(row->public.type, newp, newlen, &new_value) : 0;
    if (error == 0 && reads) {
        error = get_old(name, oldp, oldlenp, &why);
    }
    return error == 0 && writes ? write_checked(name, &new_value, &why) : error;
}

int
ctl_byname(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    ctl_name_t resolved;
    int error = ctl_resolve(name, false, &resolved);
    return error != 0 ? error : access_typed(&resolved, oldp, oldlenp, newp, newlen);
}

int
ctl_nametomib(const char *name, size_t *mib, size_t *len) {
    ctl_name_t resolved;
    int error = ctl_resolve(name, false, &resolved);
    if (error != 0) {
        return error;
    }
    size_t n = 0;
    unsigned k = 0;
    for (const char *at = resolved.row->public.name; *at != '\0' && n < *len; n++) {
        mib[n] = is_index(at) ? resolved.call.index[k++] : 0;
        at += component(at);
        at += *at == '.';
    }
    if (*len > 0) {
        mib[0] = (size_t)(resolved.row - ctl_rows);
    }
    *len = n;
    return 0;
}

/* The reverse of ctl_nametomib; the length must be the row's. */
static int
from_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    if (len == 0 || mib[0] >= ctl_nrows) {
        return ENOENT;
    }
    out->row = &ctl_rows[mib[0]];
    out->call = (ctl_call_t){.arg = out->row->arg};
    size_t n = 0;
    out->nindices = 0;
    for (const char *at = out->row->public.name; *at != '\0'; n++) {
        if (is_index(at) && n < len) {
            out->call.index[out->nindices++] = mib[n];
        }
        at += component(at);
        at += *at == '.';
    }
    return n == len ? 0 : ENOENT;
}

int
ctl_bymib(const size_t *mib, size_t len, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    ctl_name_t name;
    int error = from_mib(mib, len, &name);
    return error != 0 ? error : access_typed(&name, oldp, oldlenp, newp, newlen);
}

/* ---- access by text, with messages ---- */

static fmt_t
begin_message(char *message, size_t size, char *spare, size_t spare_size) {
    return message != NULL && size > 0 ? fmt_begin(message, size) : fmt_begin(spare, spare_size);
}

static int
unknown(const char *name, fmt_t *out) {
    char nearest[TEXT_MAX_NAME + 1];
    fmt_str(out, "no control '");
    fmt_str(out, name);
    fmt_char(out, '\'');
    if (ctl_suggest(name, nearest, sizeof nearest)) {
        fmt_str(out, "; did you mean '");
        fmt_str(out, nearest);
        fmt_str(out, "'?");
    }
    return ENOENT;
}

/* A name that is known but for its indices, or not at all. */
static int
unresolved(const char *name, fmt_t *out) {
    ctl_name_t pattern;
    if (ctl_resolve(name, true, &pattern) != 0) {
        return unknown(name, out);
    }
    fmt_str(out, name);
    fmt_str(out, " needs a number in the place of <i> or <j>");
    return EINVAL;
}

static int
denied(const ctl_name_t *name, const char *what, fmt_t *out) {
    fmt_str(out, name->row->public.name);
    fmt_str(out, what);
    if (strcmp(name->row->public.applies, "boot") == 0) {
        fmt_str(out, "; it is fixed at start: set it in LUNALLOC_CONF");
    }
    return EPERM;
}

int
ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size) {
    char spare[256];
    fmt_t out = begin_message(message, size, spare, sizeof spare);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return unresolved(name, &out);
    }
    if (resolved.row->read == NULL) {
        return denied(&resolved, " cannot be read: it is an action", &out);
    }
    *value = (lunalloc_value_t){.type = resolved.row->public.type};
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return resolved.row->read(&resolved.call, value, &out);
}

static int
set_text(const ctl_name_t *name, const char *text, fmt_t *why) {
    lunalloc_value_t value;
    fmt_char(why, '\'');
    fmt_str(why, text);
    fmt_str(why, "' ");
    if (!text_parse(&name->row->public, text, strlen(text), &value, why)) {
        return EINVAL;
    }
    fmt_str(why, "cannot be set: ");
    return write_checked(name, &value, why);
}

int
ctl_set(const char *name, const char *text, char *message, size_t size) {
    char spare[256];
    fmt_t out = begin_message(message, size, spare, sizeof spare);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return unresolved(name, &out);
    }
    bool action = resolved.row->public.type == LUNALLOC_VOID;
    if (resolved.row->write == NULL) {
        return denied(&resolved, " is read-only", &out);
    }
    if (action != (text == NULL)) {
        fmt_str(&out, name);
        fmt_str(&out, action ? " is an action: it takes no value" : " needs a value");
        return EINVAL;
    }
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return action ? resolved.row->write(&resolved.call, NULL, &out) : set_text(&resolved, text, &out);
}

/* ---- indices, suggestions, sources ---- */

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
        const char *pattern = ctl_rows[i].public.name;
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
        instantiate(ctl_rows[i].public.name, name, candidate, sizeof candidate);
        uint32_t distance = text_distance(name, candidate);
        if (distance < best) {
            best = distance;
            out = fmt_begin(buf, size);
            fmt_str(&out, candidate);
        }
    }
    return best <= limit;
}

void
ctl_set_source(const ctl_row_t *row, ctl_source_t source) {
    atomic_set(&sources[row - ctl_rows], (uint8_t)source);
}

ctl_source_t
ctl_row_source(const ctl_row_t *row) {
    return (ctl_source_t)atomic_get(&sources[row - ctl_rows]);
}

void
ctl_set_slab_size_source(uint32_t szind, ctl_source_t source) {
    atomic_set(&slab_size_sources[szind], (uint8_t)source);
}

/* The option that a live value started from: opt.X for any name that ends in X. NULL if there is none. */
static const ctl_row_t *
origin_of(const ctl_row_t *row) {
    char name[TEXT_MAX_NAME + 1];
    const char *last = strrchr(row->public.name, '.');
    fmt_t out = fmt_begin(name, sizeof name);
    fmt_str(&out, "opt");
    fmt_str(&out, last == NULL ? "" : last);
    size_t i = ctl_row_named(name);
    return i < ctl_nrows ? &ctl_rows[i] : NULL;
}

const char *
ctl_source(const ctl_name_t *name) {
    static const char *const words[] = {"default", "file", "symbol", "environment", "live"};
    ctl_source_t source = (ctl_source_t)atomic_get(source_at(name));
    const ctl_row_t *origin = origin_of(name->row);
    if (source == source_default && origin != NULL) {
        source = ctl_row_source(origin);
    }
    return words[source];
}

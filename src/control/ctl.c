/* ctl.c -- typed access by name and by mib, and access by text, with messages. */
#include "control/ctl.h"

#include "control/text.h"

#include <errno.h>
#include <string.h>

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
    lunalloc_value_t value = {.type = (lunalloc_type_t)name->row->type};
    if (*oldlenp != value_size(value.type)) {
        return EINVAL;
    }
    int error = ctl_row_read(name->row, &name->call, &value, why);
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
    lunalloc_row_t row = ctl_public_row(name->row);
    if (!text_in_range(&row, value, why)) {
        return EINVAL;
    }
    int error = ctl_row_write(name->row, &name->call, value, why);
    if (error == 0) {
        ctl_set_live(name);
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
    if (ctl_exchanges(row)) {
        return ctl_row_exchange(row, &name->call, &(ctl_io_t){oldp, oldlenp, newp, newlen});
    }
    if (row->type == LUNALLOC_VOID) {
        return reads || writes ? EPERM : ctl_row_write(row, &name->call, NULL, &why);
    }
    if ((reads && row->read == CTL_READ_NULL) || (writes && row->write == CTL_WRITE_NULL)) {
        return EPERM;
    }
    lunalloc_value_t new_value;
    int error = writes ? get_new((lunalloc_type_t)row->type, newp, newlen, &new_value) : 0;
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

/* ---- mibs ---- */

/* How a pattern is laid out: how many components, and where its indices are. */
typedef struct {
    size_t ncomponents;
    size_t place[CTL_MAX_INDICES]; /* of <i>, <j>; 0: there is none */
} layout_t;

#define LAYOUT_BITS 5
#define LAYOUT_MASK ((1U << LAYOUT_BITS) - 1)

static layout_t
layout_of(const char *pattern) {
    layout_t layout = {.ncomponents = 1};
    unsigned k = 0;
    for (; *pattern != '\0'; pattern++) {
        layout.ncomponents += *pattern == '.';
        if (*pattern == '<') {
            layout.place[k++] = layout.ncomponents - 1;
        }
    }
    return layout;
}

/* The first component: the row's position, and above it the layout, so that no text is read to find the indices. */
static size_t
pack_head(const ctl_row_t *row, const layout_t *layout) {
    size_t head = (size_t)(row - ctl_rows);
    head = head << LAYOUT_BITS | layout->place[1];
    head = head << LAYOUT_BITS | layout->place[0];
    return head << LAYOUT_BITS | layout->ncomponents;
}

int
ctl_nametomib(const char *name, size_t *mib, size_t *len) {
    ctl_name_t resolved;
    int error = ctl_resolve(name, false, &resolved);
    if (error != 0) {
        return error;
    }
    layout_t layout = layout_of(resolved.row->name);
    size_t n = layout.ncomponents < *len ? layout.ncomponents : *len;
    memset(mib, 0, n * sizeof *mib);
    for (unsigned k = 0; k < resolved.nplaces; k++) {
        if (layout.place[k] < n) {
            mib[layout.place[k]] = resolved.call.index[k];
        }
    }
    if (n > 0) {
        mib[0] = pack_head(resolved.row, &layout);
    }
    *len = n;
    return 0;
}

/* The reverse. A first component that no ctl_nametomib gave reads no more than `len` components either. */
static int
from_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    size_t head = len == 0 ? 0 : mib[0];
    size_t position = head >> 3 * LAYOUT_BITS;
    if ((head & LAYOUT_MASK) != len || len == 0 || position >= ctl_nrows) {
        return ENOENT;
    }
    *out = (ctl_name_t){.row = &ctl_rows[position], .call.arg = ctl_rows[position].arg};
    for (unsigned k = 0; k < CTL_MAX_INDICES; k++) {
        size_t place = head >> (k + 1) * LAYOUT_BITS & LAYOUT_MASK;
        if (place >= len) {
            return ENOENT;
        }
        out->call.index[k] = mib[place];
        out->nindices += place > 0;
    }
    return 0;
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
    fmt_str(out, name->row->name);
    fmt_str(out, what);
    if (strcmp(name->row->applies, "boot") == 0) {
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
    if (resolved.row->read == CTL_READ_NULL) {
        return denied(&resolved, " cannot be read: it is an action", &out);
    }
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)resolved.row->type};
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return ctl_row_read(resolved.row, &resolved.call, value, &out);
}

static int
set_text(const ctl_name_t *name, const char *text, fmt_t *why) {
    lunalloc_value_t value;
    fmt_char(why, '\'');
    fmt_str(why, text);
    fmt_str(why, "' ");
    lunalloc_row_t row = ctl_public_row(name->row);
    if (!text_parse(&row, text, strlen(text), &value, why)) {
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
    bool action = resolved.row->type == LUNALLOC_VOID;
    if (resolved.row->write == CTL_WRITE_NULL) {
        return denied(&resolved, " is read-only", &out);
    }
    if (action != (text == NULL)) {
        fmt_str(&out, name);
        fmt_str(&out, action ? " is an action: it takes no value" : " needs a value");
        return EINVAL;
    }
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return action ? ctl_row_write(resolved.row, &resolved.call, NULL, &out) : set_text(&resolved, text, &out);
}

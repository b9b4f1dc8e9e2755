/* ctl.c -- typed access by name and by mib, and access by text, with messages. */
#include "control/ctl.h"

#include "control/text.h"

#include <errno.h>
#include <string.h>

/* ---- typed access: jemalloc's calling convention ---- */

static size_t
value_size(lunalloc_type_t type) {
    static const uint8_t sizes[] = {
        [LUNALLOC_VOID] = 0,
        [LUNALLOC_STRUCT] = 0,
        [LUNALLOC_BOOL] = sizeof(bool),
        [LUNALLOC_UNSIGNED] = sizeof(unsigned),
        [LUNALLOC_SIZE] = sizeof(size_t),
        [LUNALLOC_SSIZE] = sizeof(size_t),
        [LUNALLOC_U64] = sizeof(uint64_t),
        [LUNALLOC_STRING] = sizeof(const char *),
        [LUNALLOC_POINTER] = sizeof(void *),
    };
    return sizes[type];
}

/* The value in its C type, of which this is the size. */
static inline void
put_old(const lunalloc_value_t *value, size_t size, void *oldp) {
    if (LIKELY(size == sizeof value->v)) {
        memcpy(oldp, &value->v, sizeof value->v);
    } else if (size == sizeof(unsigned)) {
        unsigned narrow = (unsigned)value->v.u;
        memcpy(oldp, &narrow, sizeof narrow);
    } else {
        memcpy(oldp, &value->v.b, sizeof value->v.b);
    }
}

static inline int
get_old(const ctl_name_t *name, const ctl_io_t *io, fmt_t *why) {
    size_t size = value_size((lunalloc_type_t)name->row->type);
    if (UNLIKELY(*io->oldlenp != size)) {
        return EINVAL;
    }
    lunalloc_value_t value = {.type = (lunalloc_type_t)name->row->type};
    int error = ctl_row_read(&name->call, &value, why);
    if (LIKELY(error == 0)) {
        put_old(&value, size, io->oldp);
    }
    return error;
}

static int
get_new(const ctl_row_t *row, const ctl_io_t *io, lunalloc_value_t *value) {
    unsigned narrow;
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)row->type};
    if (io->newp == NULL || io->newlen != value_size(value->type)) {
        return EINVAL;
    }
    if (value->type == LUNALLOC_UNSIGNED) {
        memcpy(&narrow, io->newp, sizeof narrow);
        value->v.u = narrow;
    } else {
        memcpy(&value->v, io->newp, io->newlen);
    }
    return 0;
}

/* range_error: what a value out of range is. */
static int
write_checked(const ctl_name_t *name, const lunalloc_value_t *value, int range_error, fmt_t *why) {
    lunalloc_row_t row = ctl_public_row(name->row);
    if (!text_in_range(&row, value, why)) {
        return range_error;
    }
    int error = ctl_row_write(&name->call, value, why);
    if (error == 0) {
        ctl_set_live(name);
    }
    return error;
}

/* Whoever asks for nothing learns whether the name is one. */
static bool
in_reach(const ctl_name_t *name) {
    for (unsigned k = 0; k < name->nplaces; k++) {
        if (!ctl_in_reach(name->row, k, name->call.index[k])) {
            return false;
        }
    }
    return true;
}

/* The old value is read before the new one is written, but for an epoch, which is told when it has begun. */
static int
exchange_values(const ctl_name_t *name, const ctl_io_t *io, bool reads, bool writes, fmt_t *why) {
    const ctl_row_t *row = name->row;
    bool writes_first = row->write == CTL_WRITE_write_epoch;
    lunalloc_value_t value;
    if (!reads && !writes) {
        return in_reach(name) ? 0 : ENOENT;
    }
    int error = writes ? get_new(row, io, &value) : 0;
    if (error == 0 && reads && *io->oldlenp != value_size((lunalloc_type_t)row->type)) {
        error = EINVAL;
    }
    if (error == 0 && writes && writes_first) {
        error = write_checked(name, &value, row->range_error, why);
    }
    if (error == 0 && reads) {
        error = get_old(name, io, why);
    }
    return error == 0 && writes && !writes_first ? write_checked(name, &value, row->range_error, why) : error;
}

/* Nothing is written if anything is wrong. */
static NOINLINE int
access_typed(const ctl_name_t *name, const ctl_io_t *io) {
    const ctl_row_t *row = name->row;
    char buf[256];
    fmt_t why = fmt_begin(buf, sizeof buf);
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    bool writes = io->newp != NULL || io->newlen != 0;
    if ((reads && row->access[0] != 'r') || (writes && row->access[1] != 'w')) {
        return EPERM;
    }
    if (!reads && !writes && ctl_performs(row)) {
        return ctl_row_write(&name->call, NULL, &why);
    }
    if (ctl_exchanges(row)) {
        return ctl_row_exchange(&name->call, io);
    }
    return row->type == LUNALLOC_VOID ? ctl_row_write(&name->call, NULL, &why)
                                      : exchange_values(name, io, reads, writes, &why);
}

/* What monitors do all the time: a value is read, nothing is written. */
static bool
only_reads(const ctl_row_t *row, const ctl_io_t *io) {
    return LIKELY(io->oldp != NULL && io->oldlenp != NULL && io->newp == NULL && io->newlen == 0) &&
           LIKELY(row->read != CTL_READ_NULL && !ctl_exchanges(row));
}

static inline int
read_typed(const ctl_name_t *name, const ctl_io_t *io) {
    fmt_t why = {.size = 0}; /* no room: nobody looks at it */
    return get_old(name, io, &why);
}

/* Where jemalloc says EFAULT: all arenas where one is meant, and an arena that may not be reset or destroyed. */
static COLD int
typed_error(const ctl_name_t *name, int error) {
    bool all = error == ENOENT && name->nindices > 0 && name->call.index[0] == CTL_ALL_ARENAS &&
               ctl_in_reach(name->row, 0, CTL_ALL_ARENAS);
    bool refused = error == EINVAL && name->row->type == LUNALLOC_VOID;
    return all || refused ? EFAULT : error;
}

static inline int
access_name(ctl_name_t *name, const ctl_io_t *io) {
    name->call.snapshot = true;
    int error = only_reads(name->row, io) ? read_typed(name, io) : access_typed(name, io);
    return LIKELY(error == 0) ? 0 : typed_error(name, error);
}

int
ctl_byname(const char *name, const ctl_io_t *io) {
    ctl_name_t resolved;
    int error = ctl_resolve(name, false, &resolved);
    return error != 0 ? error : access_name(&resolved, io);
}

int
ctl_bymib(const size_t *mib, size_t len, const ctl_io_t *io) {
    ctl_name_t name;
    int error = ctl_resolve_mib(mib, len, &name);
    return UNLIKELY(error != 0) ? error : access_name(&name, io);
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

static int
only_typed(const ctl_name_t *name, fmt_t *out) {
    fmt_str(out, name->row->name);
    fmt_str(out, " exchanges C values; allowed: mallctl, from C");
    return EINVAL;
}

static int
unreadable(const ctl_name_t *name, fmt_t *out) {
    if (ctl_exchanges(name->row)) {
        return only_typed(name, out);
    }
    bool action = name->row->type == LUNALLOC_VOID;
    return denied(name, action ? " cannot be read: it is an action" : " cannot be read", out);
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
        return unreadable(&resolved, &out);
    }
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)resolved.row->type};
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return ctl_row_read(&resolved.call, value, &out);
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
    return write_checked(name, &value, EINVAL, why);
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
    if (ctl_exchanges(resolved.row)) {
        return only_typed(&resolved, &out);
    }
    if (action != (text == NULL) && !(text == NULL && ctl_performs(resolved.row))) {
        fmt_str(&out, name);
        fmt_str(&out, action ? " is an action: it takes no value" : " needs a value");
        return EINVAL;
    }
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return text == NULL ? ctl_row_write(&resolved.call, NULL, &out) : set_text(&resolved, text, &out);
}

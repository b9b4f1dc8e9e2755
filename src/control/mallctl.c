/*
 * mallctl.c -- access by C types, by name and by mib: jemalloc's calling convention.
 *
 * If the buffer for the old value is not as long as the value, the call copies what fits, sets *oldlenp to that length,
 * and fails with EINVAL. A call that reads and writes does neither unless both can be done, and fills the buffer only
 * after the new value was accepted.
 */
#include "control/ctl.h"

#include "arena/arenas.h"

#include <errno.h>
#include <string.h>

/* ---- mibs: names as numbers ---- */

/*
 * A component of a mib is the index itself where the name has one, and 0 where it has a word. The last component tells
 * the row and the places of its indices, so no text is compared to find them. A mib of the first components of a name
 * ends in 0 or in an index; it can be completed with the following components of the mib of any longer name.
 *
 *   last = (position of the row + 1) << 20 | place of <j> << 10 | place of <i> << 5 | number of components
 */
#define MIB_FIELD_BITS 5
#define MIB_FIELD_MASK ((1U << MIB_FIELD_BITS) - 1)

static size_t
last_component(const ctl_name_t *name) {
    size_t last = (size_t)(name->call.row - ctl_rows) + 1;
    last = last << 2 * MIB_FIELD_BITS | name->place[1];
    last = last << MIB_FIELD_BITS | name->place[0];
    return last << MIB_FIELD_BITS | name->ncomponents;
}

/* Is every index among the first n components within its range? */
static bool
in_reach(const ctl_name_t *name, size_t n) {
    for (unsigned k = 0; k < name->nplaces; k++) {
        if (name->place[k] < n && !ctl_in_reach(name->call.row, k, name->call.index[k])) {
            return false;
        }
    }
    return true;
}

int
ctl_nametomib(const char *name, size_t *mib, size_t *len) {
    ctl_name_t resolved;
    if (*len == 0 || ctl_resolve_prefix(name, *len, &resolved) != 0) {
        return *len == 0 && name[0] != '\0' ? 0 : ENOENT;
    }
    size_t n = resolved.ncomponents < *len ? resolved.ncomponents : *len;
    if (!in_reach(&resolved, n)) {
        return ENOENT;
    }
    memset(mib, 0, n * sizeof *mib);
    for (unsigned k = 0; k < resolved.nplaces; k++) {
        if (resolved.place[k] < n) {
            mib[resolved.place[k]] = resolved.call.index[k];
        }
    }
    if (n == resolved.ncomponents && resolved.whole) {
        mib[n - 1] = last_component(&resolved);
    }
    *len = n;
    return 0;
}

/* The name that a mib stands for; ENOENT. It reads no more than `len` components, whatever the last one is. */
static inline int
resolve_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    size_t last = len == 0 ? 0 : mib[len - 1];
    size_t position = (last >> 4 * MIB_FIELD_BITS) - 1;
    if ((last & MIB_FIELD_MASK) != len || position >= ctl_nrows) {
        return ENOENT;
    }
    out->call.row = &ctl_rows[position];
    out->nplaces = 0;
    for (size_t places = last >> MIB_FIELD_BITS; (places & MIB_FIELD_MASK) != 0; places >>= MIB_FIELD_BITS) {
        size_t place = places & MIB_FIELD_MASK;
        if (place >= len || out->nplaces == CTL_MAX_INDICES) {
            return ENOENT;
        }
        out->place[out->nplaces] = (unsigned)place;
        out->call.index[out->nplaces++] = mib[place];
    }
    out->nindices = out->nplaces;
    out->ncomponents = (unsigned)len;
    out->whole = true;
    return 0;
}

/* ---- values in C types ---- */

static size_t
value_size(unsigned type) {
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

/* Copies the value in its C type, whose size is given. */
static inline int
put_old(const lunalloc_value_t *value, size_t size, const ctl_io_t *io) {
    unsigned narrow;
    const void *from = &value->v;
    if (LIKELY(size == sizeof value->v) && LIKELY(*io->oldlenp == size)) {
        memcpy(io->oldp, &value->v, sizeof value->v);
        return 0;
    }
    if (size == sizeof narrow) {
        narrow = (unsigned)value->v.u;
        from = &narrow;
    } else if (size == sizeof value->v.b) {
        from = &value->v.b;
    }
    return ctl_put(io, from, size);
}

/* The byte of a caller's bool may be any number; all but 0 are true. */
static int
get_new(const ctl_row_t *row, const ctl_io_t *io, lunalloc_value_t *value) {
    unsigned narrow;
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)row->type};
    if (io->newlen != value_size(value->type)) {
        return EINVAL;
    }
    if (value->type == LUNALLOC_UNSIGNED) {
        memcpy(&narrow, io->newp, sizeof narrow);
        value->v.u = narrow;
    } else if (value->type == LUNALLOC_BOOL) {
        value->v.b = *(const unsigned char *)io->newp != 0;
    } else {
        memcpy(&value->v, io->newp, io->newlen);
    }
    return 0;
}

/* ---- access ---- */

static int
write_new(ctl_call_t *call, const lunalloc_value_t *value) {
    call->value = *value;
    int error = ctl_write(call);
    return error == EINVAL || error == ERANGE ? call->row->range_error : error;
}

/* Reads the old value, then writes the new one, or the other way round if the row says so (ctl_writes_first). */
static int
exchange_values(ctl_call_t *call, const ctl_io_t *io, bool reads, bool writes) {
    lunalloc_value_t old = {0}, new;
    size_t size = value_size(call->row->type);
    bool writes_first = ctl_has(call->row, ctl_writes_first);
    int error = writes ? get_new(call->row, io, &new) : 0;
    writes = writes && (!reads || *io->oldlenp == size);
    if (error == 0 && writes && writes_first) {
        error = write_new(call, &new);
    }
    if (error == 0 && reads) {
        error = ctl_read(call);
        old = call->value;
    }
    if (error == 0 && writes && !writes_first) {
        error = write_new(call, &new);
    }
    return error == 0 && reads ? put_old(&old, size, io) : error;
}

/* As in jemalloc, a call with the length of a new value and no value asks whether the name is writable, and writes
 * nothing. */
static int
may_access(const ctl_row_t *row, const ctl_io_t *io) {
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    bool both = reads && io->newp != NULL;
    bool denied = (reads && row->access[0] != 'r') || (ctl_gives(io) && row->access[1] != 'w') ||
                  (both && ctl_has(row, ctl_one_way));
    return denied ? EPERM : 0;
}

static NOINLINE int
access_any(ctl_name_t *name, const ctl_io_t *io) {
    ctl_call_t *call = &name->call;
    const ctl_row_t *row = call->row;
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    bool writes = io->newp != NULL;
    if (!in_reach(name, SIZE_MAX)) {
        return ENOENT;
    }
    if (may_access(row, io) != 0) {
        return EPERM;
    }
    call->io = io;
    call->given = false;
    if (ctl_has(row, ctl_exchanges) || row->type == LUNALLOC_VOID || (!writes && ctl_has(row, ctl_performs))) {
        return ctl_perform(call);
    }
    return exchange_values(call, io, reads, writes);
}

/* The fast way, for monitors: a value is read, nothing is written. */
static bool
only_reads(const ctl_row_t *row, const ctl_io_t *io) {
    return LIKELY(io->oldp != NULL && io->oldlenp != NULL && io->newp == NULL && io->newlen == 0) &&
           LIKELY(row->read != CTL_none && !ctl_has(row, ctl_exchanges));
}

static inline int
read_only(ctl_call_t *call, const ctl_io_t *io) {
    int error = ctl_read(call);
    return LIKELY(error == 0) ? put_old(&call->value, value_size(call->row->type), io) : error;
}

static inline int
access_once(ctl_name_t *name, const ctl_io_t *io) {
    return only_reads(name->call.row, io) ? read_only(&name->call, io) : access_any(name, io);
}

/* ---- jemalloc's errors ---- */

/* EFAULT for an arena that is in reach but does not exist, unless the row says that nothing remains to be done, and
 * for all arenas where one is meant. */
static int
error_of(const ctl_name_t *name, int error) {
    const ctl_row_t *row = name->call.row;
    bool absent =
        error == ENOENT && !ctl_is_of(row, CTL_STATS_ARENAS) && name->nindices > 0 && in_reach(name, SIZE_MAX);
    return !absent ? error : ctl_has(row, ctl_absent_is_done) ? 0 : EFAULT;
}

/* Where the number of arenas as an index means all of them, jemalloc's older form of 4096. */
static bool
takes_count_as_all(const ctl_row_t *row) {
    return ctl_has(row, ctl_count_is_all) || ctl_is_of(row, CTL_STATS_ARENAS);
}

static COLD int
failed(ctl_name_t *name, const ctl_io_t *io, int error) {
    if (error == ENOENT && name->nindices > 0 && name->call.index[0] == arenas_count() &&
        takes_count_as_all(name->call.row)) {
        name->call.index[0] = CTL_ALL_ARENAS;
        error = access_once(name, io);
    }
    return error_of(name, error);
}

static inline int
access_name(ctl_name_t *name, const ctl_io_t *io) {
    name->call.typed = true;
    int error = access_once(name, io);
    return LIKELY(error == 0) ? 0 : failed(name, io, error);
}

/* A mallctl has no message, so the reasons of handlers get a buffer without room. */
int
ctl_byname(const char *name, const ctl_io_t *io) {
    fmt_t no_reason = {.size = 0};
    ctl_name_t resolved;
    int error = ctl_resolve(name, false, &resolved);
    resolved.call.why = &no_reason;
    return error != 0 ? error : access_name(&resolved, io);
}

int
ctl_bymib(const size_t *mib, size_t len, const ctl_io_t *io) {
    fmt_t no_reason = {.size = 0};
    ctl_name_t name;
    int error = resolve_mib(mib, len, &name);
    name.call.why = &no_reason;
    return UNLIKELY(error != 0) ? error : access_name(&name, io);
}

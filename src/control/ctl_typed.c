/*
 * ctl_typed.c -- access by C types, by name and by mib: jemalloc's calling convention.
 *
 * A value that is read into a buffer of another length than its own is copied as far as both go; *oldlenp becomes what
 * was copied, and the call fails with EINVAL. A call that reads and writes does neither unless both can be done, and
 * fills the buffer for the old value only after the new one was accepted.
 */
#include "control/ctl.h"
#include "control/ctl_arena.h"
#include "control/ctl_io.h"

#include <errno.h>
#include <string.h>

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

/* Bytes of a bool are not trusted to be 0 or 1: any but 0 is true. */
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

/* The old value is read before the new one is written, but for an epoch, which is told when it has begun. */
static int
exchange_values(const ctl_name_t *name, const ctl_io_t *io, bool reads, bool writes, fmt_t *why) {
    const ctl_row_t *row = name->row;
    lunalloc_value_t old = {.type = (lunalloc_type_t)row->type}, new;
    size_t size = value_size(old.type);
    bool writes_first = row->write == CTL_WRITE_write_epoch;
    int error = writes ? get_new(row, io, &new) : 0;
    writes = writes && (!reads || *io->oldlenp == size);
    if (error == 0 && writes && writes_first) {
        error = ctl_write_checked(name, &new, row->range_error, why);
    }
    if (error == 0 && reads) {
        error = ctl_row_read(&name->call, &old, why);
    }
    if (error == 0 && writes && !writes_first) {
        error = ctl_write_checked(name, &new, row->range_error, why);
    }
    return error == 0 && reads ? put_old(&old, size, io) : error;
}

static bool
in_reach(const ctl_name_t *name) {
    for (unsigned k = 0; k < name->nplaces; k++) {
        if (!ctl_in_reach(name->row, k, name->call.index[k])) {
            return false;
        }
    }
    return true;
}

/* As jemalloc has it, a name that is only told to be written (a length without a value) is one where writing is
 * allowed, and nothing is written; a thread's name is read or written. */
static int
may_access(const ctl_row_t *row, const ctl_io_t *io) {
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    bool both = reads && io->newp != NULL;
    bool denied = (reads && row->access[0] != 'r') || (ctl_gives(io) && row->access[1] != 'w') ||
                  (both && row->write == CTL_WRITE_write_thread_prof_name);
    return denied ? EPERM : 0;
}

static NOINLINE int
access_typed(const ctl_name_t *name, const ctl_io_t *io) {
    const ctl_row_t *row = name->row;
    char buf[256];
    fmt_t why = fmt_begin(buf, sizeof buf);
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    bool writes = io->newp != NULL;
    if (!in_reach(name)) {
        return ENOENT;
    }
    if (may_access(row, io) != 0) {
        return EPERM;
    }
    if (ctl_exchanges(row)) {
        return ctl_row_exchange(&name->call, io);
    }
    if (row->type == LUNALLOC_VOID || (!writes && ctl_performs(row))) {
        return ctl_row_write(&name->call, NULL, &why);
    }
    return exchange_values(name, io, reads, writes, &why);
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
    lunalloc_value_t value = {.type = (lunalloc_type_t)name->row->type};
    int error = ctl_row_read(&name->call, &value, &why);
    return LIKELY(error == 0) ? put_old(&value, value_size(value.type), io) : error;
}

static inline int
access_once(const ctl_name_t *name, const ctl_io_t *io) {
    return only_reads(name->row, io) ? read_typed(name, io) : access_typed(name, io);
}

/* ---- jemalloc's errors ---- */

static bool
gives_back(const ctl_row_t *row) {
    return row->write == CTL_WRITE_write_arena_action && (row->arg == ARENA_DECAY || row->arg == ARENA_PURGE);
}

/* Where the number of arenas as an index means all of them, jemalloc's older form of 4096. */
static bool
takes_number_as_all(const ctl_row_t *row) {
    return row->read == CTL_READ_read_arena_initialized || row->read == CTL_READ_read_arena_dss || gives_back(row) ||
           ctl_is_of(row, CTL_STATS_ARENAS);
}

/* An arena that is in reach but not there has nothing to give back; for all else, and for all arenas where one is
 * meant, EFAULT. So it is for an arena that may not be reset or destroyed, but for one that threads allocate from and
 * that is to be reset. */
static int
error_of(const ctl_name_t *name, int error) {
    bool destroys = name->row->write == CTL_WRITE_write_arena_action && name->row->arg == ARENA_DESTROY;
    bool refused = name->row->type == LUNALLOC_VOID && (error == EINVAL || (error == EAGAIN && destroys));
    bool absent = error == ENOENT && !ctl_is_of(name->row, CTL_STATS_ARENAS) && name->nindices > 0 && in_reach(name);
    return absent && gives_back(name->row) ? 0 : absent || refused ? EFAULT : error;
}

static COLD int
failed(ctl_name_t *name, const ctl_io_t *io, int error) {
    if (error == ENOENT && name->nindices > 0 && name->call.index[0] == arenas_count() &&
        takes_number_as_all(name->row)) {
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

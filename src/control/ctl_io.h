/* ctl_io.h -- the arguments of a mallctl, for rows that exchange C values. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_IO_H
#define LUNALLOC_CONTROL_CTL_IO_H

#include "control/ctl_row.h"

#include <errno.h>
#include <string.h>

/* Does the caller want an old value, and has it room for exactly this much? */
static inline bool
ctl_takes(const ctl_io_t *io, size_t size) {
    return io->oldp != NULL && io->oldlenp != NULL && *io->oldlenp == size;
}

/* Copies an old value, or as much of it as the caller has room for: then EINVAL. */
static inline int
ctl_put(const ctl_io_t *io, const void *value, size_t size) {
    size_t room = *io->oldlenp;
    size_t n = room < size ? room : size;
    memcpy(io->oldp, value, n);
    *io->oldlenp = n;
    return room == size ? 0 : EINVAL;
}

/* EINVAL for a call that does nothing since nobody would learn of it: nothing is copied. */
static inline int
ctl_put_nothing(const ctl_io_t *io) {
    if (io->oldlenp != NULL) {
        *io->oldlenp = 0;
    }
    return EINVAL;
}

/* Does the caller give a new value? */
static inline bool
ctl_gives(const ctl_io_t *io) {
    return io->newp != NULL || io->newlen != 0;
}

/* False if it is not of this size. */
static inline bool
ctl_take(const ctl_io_t *io, void *value, size_t size) {
    bool fits = io->newp != NULL && io->newlen == size;
    if (fits) {
        memcpy(value, io->newp, size);
    }
    return fits;
}

#endif

/* ctl_io.h -- the arguments of a mallctl, for rows that exchange C values. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_IO_H
#define LUNALLOC_CONTROL_CTL_IO_H

#include "control/ctl_row.h"

#include <string.h>

/* Does the caller want an old value, and has it room for exactly this much? */
static inline bool
ctl_takes(const ctl_io_t *io, size_t size) {
    return io->oldp != NULL && io->oldlenp != NULL && *io->oldlenp == size;
}

static inline int
ctl_put(const ctl_io_t *io, const void *value, size_t size) {
    memcpy(io->oldp, value, size);
    return 0;
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

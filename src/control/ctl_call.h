/*
 * ctl_call.h -- one access to one control, and the functions that carry accesses out. Private to control/.
 *
 * To add a control, write its row in schema.def and a handler here: HANDLER(name) in handlers.def, and the function in
 * the file of its subject. To access one, fill a ctl_call_t (ctl_names.h fills it from a name) and run the handler of
 * its row that is meant: ctl_run(row->read, &call).
 */
#ifndef LUNALLOC_CONTROL_CTL_CALL_H
#define LUNALLOC_CONTROL_CTL_CALL_H

#include "control/schema.h"

#include <errno.h>
#include <string.h>

/* The arguments of a mallctl. */
typedef struct {
    void *oldp;
    size_t *oldlenp;
    void *newp;
    size_t newlen;
} ctl_io_t;

/* One access: what it is about, and its value. */
typedef struct {
    const ctl_row_t *row;
    size_t index[CTL_MAX_INDICES]; /* of <i>, <j> */
    bool typed;                    /* by mallctl: counters are those of the last epoch (ctl_epoch.h) */
    bool given;                    /* a write has a value; an action has none */
    lunalloc_value_t value;        /* of the row's type: a read fills it in, a write takes it */
    const ctl_io_t *io;            /* of an exchange, which does without the value */
    fmt_t *why;                    /* a handler that fails appends the reason: "there is no arena 7" */
} ctl_call_t;

/* 0 or an errno value; with EINVAL or EAGAIN, there is a reason in `why`. */
typedef int ctl_handler_t(ctl_call_t *call);

#define HANDLER(name) ctl_handler_t name;
#include "control/handlers.def"
#undef HANDLER

/* ---- running them (ctl.c) ---- */

/* Runs a handler of the call's row: row->read, row->write or row->store. EPERM if it is CTL_none. */
int ctl_run(unsigned handler, ctl_call_t *call);

/* Reads the call's control into its value. */
static inline int
ctl_read(ctl_call_t *call) {
    call->value.type = (lunalloc_type_t)call->row->type;
    return ctl_run(call->row->read, call);
}

/* Is a value of the row's type one that it takes? */
bool ctl_in_range(const ctl_row_t *row, const lunalloc_value_t *value);

/* Checks the range of the call's value, writes it, and remembers that it was written live. ERANGE if it is out of
 * range; else as the handler. */
int ctl_write(ctl_call_t *call);

/* Runs `write` of a row that takes no value: an action is done, an exchange carried out. */
int ctl_perform(ctl_call_t *call);

/* The counter at an offset of a structure. */
static inline uint64_t
ctl_field_at(const void *structure, uintptr_t offset) {
    return *(const uint64_t *)(const void *)((const char *)structure + offset);
}

/* ---- exchanges: the arguments of a mallctl ---- */

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

/* EINVAL, for a call that would create something and has no room for its number: copies nothing. */
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

/* Copies the new value. False if it is not of this size. */
static inline bool
ctl_take(const ctl_io_t *io, void *value, size_t size) {
    bool fits = io->newp != NULL && io->newlen == size;
    if (fits) {
        memcpy(value, io->newp, size);
    }
    return fits;
}

#endif

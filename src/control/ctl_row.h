/* ctl_row.h -- a row of the schema as the control functions see it. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_ROW_H
#define LUNALLOC_CONTROL_CTL_ROW_H

#include "base/fmt.h"
#include "lunalloc.h"

#define CTL_MAX_INDICES 2
/* As an arena's index: all arenas. */
#define CTL_ALL_ARENAS 4096

/* One concrete name: what a row's functions are told. */
typedef struct {
    size_t index[CTL_MAX_INDICES]; /* of <i>, <j> */
    uintptr_t arg;                 /* the row's */
} ctl_call_t;

/* 0 or an errno value; with EINVAL or EAGAIN, the reason in `why` ("there is no arena 7"). */
typedef int ctl_read_t(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why);
typedef int ctl_write_t(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why);

typedef struct {
    lunalloc_row_t public;
    ctl_read_t *read;
    ctl_write_t *write;
    uintptr_t arg;
} ctl_row_t;

extern const ctl_row_t ctl_rows[];
extern const size_t ctl_nrows;

/* ENOENT, with the reason "there is no <what> <index>". */
int ctl_no_such(fmt_t *why, const char *what, size_t index);

/* The position of a row by its pattern; ctl_nrows if there is none. */
size_t ctl_row_named(const char *pattern);

/* Writes an option as configuration does, before boot has finished: no liveness is asked. value fits the row's type
 * and range. 0, or as a write. */
int ctl_store_option(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why);

#endif

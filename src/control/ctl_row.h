/*
 * ctl_row.h -- a row of the schema as the control functions see it. Private to control/.
 *
 * The table is constant data without addresses: text stands in the row itself, and what a row calls is a number. So it
 * is shared by all processes, nothing has to be relocated at start, and pages of it that nobody asks for stay on disk.
 */
#ifndef LUNALLOC_CONTROL_CTL_ROW_H
#define LUNALLOC_CONTROL_CTL_ROW_H

#include "base/config.h"
#include "base/fmt.h"
#include "lunalloc.h"

/* Of a pattern, without its terminator. */
#define CTL_NAME_MAX    67
#define CTL_MAX_INDICES 2
/* As an arena's index: all arenas. */
#define CTL_ALL_ARENAS 4096

typedef struct ctl_row ctl_row_t;

/* One concrete name: what a row's functions are told. */
typedef struct {
    const ctl_row_t *row;
    size_t index[CTL_MAX_INDICES]; /* of <i>, <j> */
    uintptr_t arg;                 /* the row's */
    bool typed;                    /* by mallctl: sums are those of the last epoch (ctl_epoch.h) */
} ctl_call_t;

/* The arguments of a mallctl. */
typedef struct {
    void *oldp;
    size_t *oldlenp;
    void *newp;
    size_t newlen;
} ctl_io_t;

/* 0 or an errno value; with EINVAL or EAGAIN, the reason in `why` ("there is no arena 7"). */
typedef int ctl_read_t(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why);
typedef int ctl_write_t(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why);
/* The whole of a mallctl, for rows whose old and new value differ in type. */
typedef int ctl_exchange_t(const ctl_call_t *call, const ctl_io_t *io);

#define READ(name)     ctl_read_t name;
#define WRITE(name)    ctl_write_t name;
#define PERFORM(name)  ctl_write_t name;
#define EXCHANGE(name) ctl_exchange_t name;
#include "control/functions.def"

/* What a row calls: numbers of functions. */
typedef enum {
    CTL_READ_NULL,
#define READ(name) CTL_READ_##name,
#include "control/functions.def"
} ctl_reader_t;

typedef enum {
    CTL_WRITE_NULL,
#define WRITE(name) CTL_WRITE_##name,
#include "control/functions.def"
    CTL_LAST_STRICT,
#define PERFORM(name) CTL_WRITE_##name,
#include "control/functions.def"
    CTL_LAST_WRITE,
#define EXCHANGE(name) CTL_WRITE_##name,
#include "control/functions.def"
} ctl_writer_t;

struct ctl_row {
    char name[CTL_NAME_MAX + 1]; /* texts are terminated */
    char doc[124];
    char unit[12];
    char access[4];
    char applies[12];
    char default_text[12];
    int64_t min, max;    /* equal: there is no range */
    uint8_t range_error; /* a mallctl's for a refused value: EINVAL, or EFAULT where jemalloc has that */
    uint8_t type;        /* lunalloc_type_t */
    uint8_t read;        /* ctl_reader_t */
    uint8_t write;       /* ctl_writer_t */
    uint32_t arg;
};

_Static_assert(sizeof(ctl_row_t) == 256, "rows are found by a shift");

#define CTL_MAX_ROWS 1024

/* Sorted by name, in byte order. */
extern const ctl_row_t ctl_rows[];
extern const size_t ctl_nrows;

/* The control that changes live what a row's name only tells; "" if there is none. */
const char *ctl_live(const char *name);
/* The row as the public interface has it. */
lunalloc_row_t ctl_public_row(const ctl_row_t *row);
/* The position of a row by its pattern; ctl_nrows if there is none. */
size_t ctl_row_named(const char *pattern);

/* A write that is also done without a value: value is NULL then. */
static inline bool
ctl_performs(const ctl_row_t *row) {
    return row->write > CTL_LAST_STRICT && row->write < CTL_LAST_WRITE;
}

static inline bool
ctl_exchanges(const ctl_row_t *row) {
    return row->write > CTL_LAST_WRITE;
}

/* Calls the function of the call's row, which must be there. */
int ctl_row_read(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why);
int ctl_row_write(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why);
int ctl_row_exchange(const ctl_call_t *call, const ctl_io_t *io);

/* A counter in a structure of them. */
static inline uint64_t
ctl_field_at(const void *structure, uintptr_t offset) {
    return *(const uint64_t *)(const void *)((const char *)structure + offset);
}

/* Writes an option as configuration does, before boot has finished: no liveness is asked. value fits the row's type
 * and range. 0, or as a write. */
int ctl_store_option(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why);

#endif

/*
 * schema.h -- the table of controls: a row for everything that can be read, set or done. Private to control/.
 *
 * Look a row up by its name (ctl_names.h); read its columns here; access what it stands for through ctl_call.h. The
 * rows are written in schema.def, which explains the columns. jemalloc's names that have no meaning here are rows, too
 * (schema/unsupported.def), but stand behind the others and are in no list.
 *
 * The table is constant data without addresses: texts stand in the row itself, and a handler is a number. So all
 * processes share it, nothing is relocated at start, and pages of it that nobody reads stay on disk.
 */
#ifndef LUNALLOC_CONTROL_SCHEMA_H
#define LUNALLOC_CONTROL_SCHEMA_H

#include "base/config.h"
#include "base/fmt.h"
#include "lunalloc.h"

/* Bytes of a row's name, without its terminator. */
#define CTL_NAME_MAX    67
#define CTL_MAX_INDICES 2
/* As an arena's index: all arenas. */
#define CTL_ALL_ARENAS 4096

/* The handlers: numbers of the functions in handlers.def. */
typedef enum {
    CTL_NULL,
    CTL_none = CTL_NULL,
#define HANDLER(name) CTL_##name,
#include "control/handlers.def"
#undef HANDLER
} ctl_handler_id_t;

/* The options, opt.*: option_none, option_abort ... */
typedef enum {
    option_none,
#define OPTION(name, ...)    option_##name,
#define OPTION_AS(name, ...) option_##name,
#include "control/schema/opt.def"
#undef OPTION
#undef OPTION_AS
    OPTION_COUNT
} ctl_option_t;

/* What sets a row apart from a plain value. */
typedef enum {
    ctl_exchanges = 1,       /* `write` is the whole of a mallctl; by text there is no write */
    ctl_performs = 2,        /* a write may lack its value */
    ctl_writes_first = 4,    /* a mallctl that does both reads after the write */
    ctl_one_way = 8,         /* a mallctl may read or write, not both */
    ctl_of_arena = 16,       /* a setting of arena <i>: each arena has a source of its own */
    ctl_of_class = 32,       /* a setting of small class <i>: each class has one */
    ctl_absent_is_done = 64, /* mallctl: no error for an arena that is in range and does not exist */
    ctl_count_is_all = 128,  /* mallctl: the number of arenas, as an index, means all of them */
} ctl_trait_t;

typedef struct {
    char name[CTL_NAME_MAX + 1]; /* texts are terminated */
    char doc[124];
    char unit[11];
    char access[3];
    char applies[11];
    char default_text[11];
    uint8_t type;        /* lunalloc_type_t */
    uint8_t read;        /* ctl_handler_id_t: what reads it, */
    uint8_t write;       /* writes or does it, */
    uint8_t store;       /* and sets it from a configuration; options have that alone */
    int64_t min, max;    /* equal: there is no range */
    uint8_t range_error; /* a mallctl's for a refused value: EINVAL, or EFAULT where jemalloc has that */
    uint8_t option;      /* ctl_option_t: its own, or the one that it starts from */
    uint16_t traits;     /* of ctl_trait_t */
    uint32_t arg;        /* for the handlers */
} ctl_row_t;

_Static_assert(sizeof(ctl_row_t) == 256, "rows are found by a shift");

/* How the doc of an unsupported row begins; the reason follows. */
#define CTL_UNSUPPORTED "unsupported: "

#define CTL_MAX_ROWS 1024

/* First the supported rows, sorted by name in byte order; then the unsupported ones, sorted, too. */
extern const ctl_row_t ctl_rows[];
extern const size_t ctl_nsupported, ctl_nrows;

static inline bool
ctl_is_supported(const ctl_row_t *row) {
    return row < ctl_rows + ctl_nsupported;
}

#define ctl_has(row, trait) (((row)->traits & (trait)) != 0)

/* Does the row have a value that a configuration sets? */
static inline bool
ctl_is_option(const ctl_row_t *row) {
    return row->store != CTL_none;
}

/* The control that changes live what the row only tells or presets; "" if there is none. */
const char *ctl_live(const ctl_row_t *row);
/* The public view of a row, with the control that changes it live. Pure: rows of another process have it, too. */
static inline lunalloc_row_t
ctl_row_with(const ctl_row_t *row, const char *live) {
    return (lunalloc_row_t){
        .name = row->name,
        .type = (lunalloc_type_t)row->type,
        .unit = row->unit,
        .access = row->access,
        .applies = row->applies,
        .ranged = row->min != row->max,
        .min = row->min,
        .max = row->max,
        .default_text = row->default_text,
        .doc = row->doc,
        .live = live,
    };
}

/* The row as the public interface has it. */
lunalloc_row_t ctl_public_row(const ctl_row_t *row);

#endif

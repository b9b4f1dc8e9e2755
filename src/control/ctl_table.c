/* ctl_table.c -- the table, made from schema.def, which the build sorts; and the calls of what its rows name. */
#include "base/options.h"
#include "control/background.h"
#include "control/ctl_arena.h"
#include "control/ctl_arenas.h"
#include "control/ctl_config.h"
#include "control/ctl_locks.h"
#include "control/ctl_prof.h"
#include "control/ctl_keywords.h"
#include "observe/prof_sampling.h"
#include "thread/byte_counters.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define NO_RANGE        0, 0, EINVAL
#define RANGE(min, max) min, max, EINVAL
#define FAULT(min, max) min, max, EFAULT
/* The order is ctl_row_t's. */
#define CTL(name, type, unit, access, applies, range, fallback, doc, read, write, arg)                                 \
    {name, doc, unit, access, applies, fallback, range, LUNALLOC_##type, CTL_READ_##read, CTL_WRITE_##write, arg},

const ctl_row_t ctl_rows[] = {
#include "control/schema_sorted.def"
};

const size_t ctl_nrows = sizeof ctl_rows / sizeof ctl_rows[0];
_Static_assert(sizeof ctl_rows / sizeof ctl_rows[0] <= CTL_MAX_ROWS, "sources have room for each row");

lunalloc_row_t
ctl_public_row(const ctl_row_t *row) {
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
        .live = row->access[1] == 'w' && strcmp(row->applies, "live") == 0 ? "" : ctl_live(row->name),
    };
}

/* The first bytes of a name, as a number that is ordered as they are; zeros follow a shorter one. */
static uint64_t
beginning(const char *name) {
    uint64_t bytes;
    memcpy(&bytes, name, sizeof bytes);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(bytes) : bytes;
}

size_t
ctl_row_named(const char *pattern) {
    char begun[sizeof(uint64_t)] = "";
    size_t len = strlen(pattern) < sizeof begun ? strlen(pattern) : sizeof begun;
    uint64_t begins = beginning(memcpy(begun, pattern, len));
    size_t from = 0;
    size_t to = ctl_nrows;
    while (from < to) {
        size_t middle = (from + to) / 2;
        const char *name = ctl_rows[middle].name;
        uint64_t other = beginning(name);
        int order = other == begins ? strcmp(name + len, pattern + len) : other < begins ? -1 : 1;
        if (order == 0) {
            return middle;
        }
        from = order < 0 ? middle + 1 : from;
        to = order < 0 ? to : middle;
    }
    return ctl_nrows;
}

int
ctl_row_read(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    switch (call->row->read) {
#define READ(name)                                                                                                     \
    case CTL_READ_##name:                                                                                              \
        return name(call, value, why);
#include "control/functions.def"
    default:
        return EPERM;
    }
}

int
ctl_row_write(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    switch (call->row->write) {
#define WRITE(name)                                                                                                    \
    case CTL_WRITE_##name:                                                                                             \
        return name(call, value, why);
#define PERFORM(name) WRITE(name)
#include "control/functions.def"
    default:
        return EPERM;
    }
}

int
ctl_row_exchange(const ctl_call_t *call, const ctl_io_t *io) {
    (void)io;
    switch (call->row->write) {
#define EXCHANGE(name)                                                                                                 \
    case CTL_WRITE_##name:                                                                                             \
        return name(call, io);
#include "control/functions.def"
    default:
        return EPERM;
    }
}

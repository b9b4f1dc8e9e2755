/* ctl_rows.c -- the table, made from schema.def, and what its rows read and write. */
#include "control/ctl_row.h"

#include "base/options.h"
#include "control/background.h"
#include "control/ctl_arena.h"
#include "control/text.h"
#include "observe/stats.h"
#include "os/clock.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

typedef enum {
    BIN_NREGS,
    BIN_SIZE,
    BIN_SLAB_SIZE
} bin_field_t;

typedef enum {
    NUMBER_ARENAS,
    NUMBER_AUTO,
    NUMBER_BINS,
    NUMBER_LEXTENTS,
    NUMBER_PAGE,
    NUMBER_QUANTUM,
    NUMBER_TCACHE_MAX
} number_t;

typedef enum {
    CONFIG_DEBUG,
    CONFIG_TORTURE
} config_field_t;

/* A failure's reason that names an index. */
int
ctl_no_such(fmt_t *why, const char *what, size_t index) {
    fmt_str(why, "there is no ");
    fmt_str(why, what);
    fmt_char(why, ' ');
    fmt_u64(why, index);
    return ENOENT;
}

/* ---- options ---- */

static char *
option_field(const ctl_call_t *call) {
    return (char *)&options + call->arg;
}

static int
read_option(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    char *field = option_field(call);
    switch (value->type) {
    case LUNALLOC_BOOL:
        value->v.b = *(bool *)field;
        break;
    case LUNALLOC_UNSIGNED:
        value->v.u = atomic_get((_Atomic uint32_t *)(void *)field);
        break;
    case LUNALLOC_STRING:
        value->v.s = field;
        break;
    default:
        value->v.u = atomic_get((_Atomic uint64_t *)(void *)field);
        break;
    }
    return 0;
}

static int
write_option(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    char *field = option_field(call);
    switch (value->type) {
    case LUNALLOC_BOOL:
        *(bool *)field = value->v.b;
        break;
    case LUNALLOC_UNSIGNED:
        atomic_set((_Atomic uint32_t *)(void *)field, (uint32_t)value->v.u);
        break;
    case LUNALLOC_STRING:
        strcpy(field, value->v.s);
        break;
    default:
        atomic_set((_Atomic uint64_t *)(void *)field, value->v.u);
        break;
    }
    return 0;
}

/* ---- size classes ---- */

static int
read_bin(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(why, "small class", i);
    }
    size_t slab_size = atomic_get(&sc.slab_size[i]);
    value->v.u = call->arg == BIN_SIZE ? sc.size[i] : call->arg == BIN_SLAB_SIZE ? slab_size : slab_size / sc.size[i];
    return 0;
}

static int
write_bin_slab_size(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(why, "small class", i);
    }
    if (!sc_set_slab_size((uint32_t)i, value->v.u)) {
        fmt_str(why, "a slab is a multiple of the page (");
        fmt_u64(why, sc.page);
        fmt_str(why, ") that holds 1 to ");
        fmt_u64(why, sc.max_regs);
        fmt_str(why, " regions of ");
        fmt_u64(why, sc.size[i]);
        fmt_str(why, " bytes");
        return EINVAL;
    }
    return 0;
}

static int
read_lextent(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    if (call->index[0] >= sc.nsizes - sc.nsmall) {
        return ctl_no_such(why, "large class", call->index[0]);
    }
    value->v.u = sc.size[sc.nsmall + call->index[0]];
    return 0;
}

static int
read_number(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    uint32_t ncached = tcache_nclasses();
    const uint64_t numbers[] = {
        [NUMBER_ARENAS] = arenas_count(),
        [NUMBER_AUTO] = arenas_nauto(),
        [NUMBER_BINS] = sc.nsmall,
        [NUMBER_LEXTENTS] = sc.nsizes - sc.nsmall,
        [NUMBER_PAGE] = sc.page,
        [NUMBER_QUANTUM] = UINT64_C(1) << sc.config.lg_quantum,
        [NUMBER_TCACHE_MAX] = ncached == 0 ? 0 : sc.size[ncached - 1],
    };
    value->v.u = numbers[call->arg];
    return 0;
}

static int
write_nauto(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    arenas_set_nauto((uint32_t)value->v.u);
    return 0;
}

/* ---- build, epoch, version ---- */

static _Atomic uint64_t epoch = 1;

static int
read_config(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.b = call->arg == CONFIG_DEBUG ? config_debug : config_torture;
    return 0;
}

static int
read_epoch(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = atomic_get(&epoch);
    return 0;
}

static int
write_epoch(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    (void)why;
    atomic_add(&epoch, 1);
    return 0;
}

static int
read_version(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.s = LUNALLOC_VERSION;
    return 0;
}

/* ---- statistics ---- */

static uint64_t
field_at(const void *structure, uintptr_t offset) {
    uint64_t value;
    memcpy(&value, (const char *)structure + offset, sizeof value);
    return value;
}

static int
read_totals(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    lunalloc_stats_t stats;
    stats_read(LUNALLOC_ALL, &stats);
    value->v.u = field_at(&stats, call->arg);
    return 0;
}

static int
read_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    lunalloc_stats_t stats;
    const arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    stats_read(arena->index, &stats);
    value->v.u = field_at(&stats, call->arg);
    return 0;
}

static int
read_class_at(const ctl_call_t *call, size_t szind, lunalloc_value_t *value, fmt_t *why) {
    lunalloc_class_stats_t stats;
    if (ctl_one_arena(call, why) == NULL) {
        return ENOENT;
    }
    stats_read_class((uint32_t)call->index[0], (uint32_t)szind, &stats);
    value->v.u = field_at(&stats, call->arg);
    return 0;
}

static int
read_class(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsmall ? read_class_at(call, i, value, why) : ctl_no_such(why, "small class", i);
}

static int
read_lextent_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsizes - sc.nsmall ? read_class_at(call, sc.nsmall + i, value, why)
                                     : ctl_no_such(why, "large class", i);
}

/* ---- background threads ---- */

static int
read_background(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.b = background_is_on();
    return 0;
}

/* The reason of a failure to switch. */
static int
switched(int error, fmt_t *why) {
    if (error == EDEADLK) {
        fmt_str(why, "this thread is one of the background threads, and cannot wait for its own end");
        return EAGAIN;
    }
    if (error == EAGAIN) {
        fmt_str(why, "the system refuses another thread (its limit on threads, or memory)");
    }
    return error;
}

static int
write_background(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    return switched(background_set(value->v.b), why);
}

static int
write_max_background(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    return switched(background_set_max(value->v.u), why);
}

static int
read_background_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    background_stats_t stats;
    background_stats(&stats);
    value->v.u = field_at(&stats, call->arg);
    return 0;
}

/* ---- the calling thread ---- */

static int
read_thread_arena(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = atomic_get(&thread_get()->arena)->index;
    return 0;
}

static int
write_thread_arena(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    arena_t *arena = value->v.u < ARENAS_MAX ? arenas_bind_to((uint32_t)value->v.u) : NULL;
    if (arena == NULL && value->v.u < arenas_count() && arenas_get((uint32_t)value->v.u) == NULL) {
        fmt_str(why, "no memory to make this arena");
        return EAGAIN;
    }
    if (arena == NULL) {
        ctl_no_such_arena(why, value->v.u);
        return EINVAL;
    }
    thread_bind(thread_get(), arena);
    arenas_unbind(arena);
    return 0;
}

static int
read_tcache_enabled(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.b = thread_get()->ncached > 0;
    return 0;
}

static int
write_tcache_enabled(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    thread_set_cached(thread_get(), value->v.b);
    return 0;
}

static int
write_tcache_flush(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    (void)why;
    tcache_flush(thread_get());
    return 0;
}

/* ---- the table ---- */

#define NO_RANGE 0, 0
/* Twice, so that NO_RANGE becomes two arguments. The order is lunalloc_row_t's and ctl_row_t's. */
#define CTL(...) CTL_ROW(__VA_ARGS__)
#define CTL_ROW(name, type, unit, access, applies, min, max, fallback, doc, read, write, arg)                          \
    {{name, LUNALLOC_##type, unit, access, applies, (min) != (max), min, max, fallback, doc}, read, write, arg},

const ctl_row_t ctl_rows[] = {
#include "control/schema.def"
};

const size_t ctl_nrows = sizeof ctl_rows / sizeof ctl_rows[0];

size_t
ctl_row_named(const char *pattern) {
    size_t i = 0;
    while (i < ctl_nrows && strcmp(ctl_rows[i].public.name, pattern) != 0) {
        i++;
    }
    return i;
}

int
ctl_store_option(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why) {
    ctl_call_t call = {.arg = row->arg};
    return (row->write != NULL ? row->write : write_option)(&call, value, why);
}

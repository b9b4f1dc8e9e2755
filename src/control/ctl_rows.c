/* ctl_rows.c -- the table, made from schema.def, and what its rows read and write. */
#include "control/ctl_row.h"

#include "base/options.h"
#include "control/background.h"
#include "control/text.h"
#include "observe/stats.h"
#include "os/clock.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

typedef enum {
    ARENA_DECAY,
    ARENA_PURGE,
    ARENA_RESET,
    ARENA_DESTROY
} arena_action_t;

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
static int
no_such(fmt_t *why, const char *what, size_t index) {
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
    default:
        atomic_set((_Atomic uint64_t *)(void *)field, value->v.u);
        break;
    }
    return 0;
}

/* ---- arenas ---- */

/* The arenas that an index means: [*from, *to). False if there are none. */
static bool
arena_range(const ctl_call_t *call, uint32_t *from, uint32_t *to, fmt_t *why) {
    size_t index = call->index[0];
    bool all = index == CTL_ALL_ARENAS;
    *from = all ? 0 : (uint32_t)index;
    *to = all ? arenas_count() : (uint32_t)index + 1;
    if (!all && (index >= CTL_ALL_ARENAS || arenas_want((uint32_t)index) == NULL)) {
        no_such(why, "arena", index);
        return false;
    }
    return true;
}

static arena_t *
one_arena(const ctl_call_t *call, fmt_t *why) {
    size_t index = call->index[0];
    arena_t *arena = index < ARENAS_MAX ? arenas_want((uint32_t)index) : NULL;
    if (arena == NULL) {
        no_such(why, "arena", index);
    }
    return arena;
}

static int
read_arena_initialized(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    if (call->index[0] >= arenas_count()) {
        return no_such(why, "arena", call->index[0]);
    }
    value->v.b = arenas_alive((uint32_t)call->index[0]);
    return 0;
}

static int
read_arena_decay(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    page_alloc_t *pa = &arena->pages;
    value->v.i = atomic_get(call->arg == extent_dirty ? &pa->dirty_decay_ms : &pa->muzzy_decay_ms);
    return 0;
}

static int
write_arena_decay(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t from, to;
    if (!arena_range(call, &from, &to, why)) {
        return ENOENT;
    }
    for (uint32_t i = from; i < to; i++) {
        arena_t *arena = arenas_want(i);
        if (arena != NULL) {
            pa_set_decay_ms(&arena->pages, (extent_state_t)call->arg, value->v.i, clock_coarse_ns());
        }
    }
    return 0;
}

static int
read_arena_dirty_max(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    value->v.i = atomic_get(&arena->pages.dirty_max);
    return 0;
}

static int
write_arena_dirty_max(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t from, to;
    if (!arena_range(call, &from, &to, why)) {
        return ENOENT;
    }
    for (uint32_t i = from; i < to; i++) {
        arena_t *arena = arenas_want(i);
        if (arena != NULL) {
            atomic_set(&arena->pages.dirty_max, value->v.i);
            pa_dirtied(&arena->pages);
        }
    }
    return 0;
}

static int
read_extent_hooks(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    extent_hooks_t *hooks = pa_hooks(&arena->pages);
    value->v.p = hooks == NULL ? &hooks_system : hooks;
    return 0;
}

static int
write_extent_hooks(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    extent_hooks_t *hooks = value->v.p;
    arena_t *arena = one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    if (hooks == NULL || hooks->alloc == NULL) {
        fmt_str(why, "hooks need an alloc function");
        return EINVAL;
    }
    atomic_set_release(&arena->pages.hooks, hooks == &hooks_system ? NULL : hooks);
    return 0;
}

static int
clear_arena(size_t index, arena_action_t action, fmt_t *why) {
    if (index >= ARENAS_MAX) {
        fmt_str(why, "only one arena at a time can be reset or destroyed");
        return EINVAL;
    }
    int error = action == ARENA_RESET ? arenas_reset((uint32_t)index) : arenas_destroy((uint32_t)index);
    if (error == EINVAL) {
        fmt_str(why, "only manual arenas (arenas.create) can be reset or destroyed");
    } else if (error == EAGAIN) {
        fmt_str(why, "threads are bound to this arena; bind them to another one first");
    }
    return error;
}

static int
write_arena_action(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)value;
    uint32_t from, to;
    arena_action_t action = (arena_action_t)call->arg;
    if (action == ARENA_RESET || action == ARENA_DESTROY) {
        return clear_arena(call->index[0], action, why);
    }
    if (!arena_range(call, &from, &to, why)) {
        return ENOENT;
    }
    for (uint32_t i = from; i < to; i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL && action == ARENA_PURGE) {
            pa_purge_all(&arena->pages);
        } else if (arena != NULL) {
            pa_decay(&arena->pages, clock_ns());
        }
    }
    return 0;
}

static int
read_arenas_create(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    const arena_t *arena = arenas_create();
    if (arena == NULL) {
        fmt_str(why, "no memory, or 4096 arenas are in use");
        return EAGAIN;
    }
    value->v.u = arena->index;
    return 0;
}

/* ---- size classes ---- */

static int
read_bin(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return no_such(why, "small class", i);
    }
    size_t slab_size = atomic_get(&sc.slab_size[i]);
    value->v.u = call->arg == BIN_SIZE ? sc.size[i] : call->arg == BIN_SLAB_SIZE ? slab_size : slab_size / sc.size[i];
    return 0;
}

static int
write_bin_slab_size(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return no_such(why, "small class", i);
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
        return no_such(why, "large class", call->index[0]);
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
    const arena_t *arena = one_arena(call, why);
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
    if (one_arena(call, why) == NULL) {
        return ENOENT;
    }
    stats_read_class((uint32_t)call->index[0], (uint32_t)szind, &stats);
    value->v.u = field_at(&stats, call->arg);
    return 0;
}

static int
read_class(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsmall ? read_class_at(call, i, value, why) : no_such(why, "small class", i);
}

static int
read_lextent_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsizes - sc.nsmall ? read_class_at(call, sc.nsmall + i, value, why) : no_such(why, "large class", i);
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
        no_such(why, "arena", value->v.u);
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

void
ctl_store_option(const ctl_row_t *row, const lunalloc_value_t *value) {
    ctl_call_t call = {.arg = row->arg};
    write_option(&call, value, NULL);
}

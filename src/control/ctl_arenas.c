/* ctl_arenas.c -- what all arenas have in common, and the size classes. */
#include "control/ctl_arenas.h"

#include "arena/arenas_bind.h"
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "control/ctl_io.h"
#include "control/ctl_source.h"
#include "observe/walk.h"
#include "os/pages.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>

static uint64_t
bin_field(size_t szind, bin_field_t field) {
    size_t slab_size = atomic_get(&sc.slab_size[szind]);
    switch (field) {
    case BIN_NREGS:
        return slab_size / sc.size[szind];
    case BIN_NSHARDS:
        return shards_number((uint32_t)szind);
    case BIN_SIZE:
        return sc.size[szind];
    case BIN_SLAB_SIZE:
        return slab_size;
    }
    return 0;
}

int
read_bin(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(why, "small class", i);
    }
    value->v.u = bin_field(i, (bin_field_t)call->arg);
    return 0;
}

int
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

int
write_bin_nshards(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(why, "small class", i);
    }
    arenas_set_nshards((uint32_t)i, (uint32_t)value->v.u);
    return 0;
}

int
read_lextent(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    if (call->index[0] >= sc.nsizes - sc.nsmall) {
        return ctl_no_such(why, "large class", call->index[0]);
    }
    value->v.u = sc.size[sc.nsmall + call->index[0]];
    return 0;
}

static uint64_t
number(number_t which) {
    switch (which) {
    case NUMBER_ARENAS:
        return arenas_count();
    case NUMBER_AUTO:
        return arenas_nauto();
    case NUMBER_BINS:
        return sc.nsmall;
    case NUMBER_CACHED:
        return tcache_nclasses();
    case NUMBER_HUGEPAGE:
        return pages_huge_size();
    case NUMBER_LEXTENTS:
        return sc.nsizes - sc.nsmall;
    case NUMBER_PAGE:
        return sc.page;
    case NUMBER_QUANTUM:
        return UINT64_C(1) << sc.config.lg_quantum;
    }
    return 0;
}

int
read_number(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.u = number((number_t)call->arg);
    return 0;
}

int
write_nauto(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    arenas_set_nauto((uint32_t)value->v.u);
    thread_refresh(thread_get());
    return 0;
}

/* ---- arenas made and found ---- */

/* NULL, with the reason in `why`. */
static arena_t *
create(extent_hooks_t *hooks, fmt_t *why) {
    arena_t *arena = arenas_create();
    if (arena == NULL) {
        fmt_str(why, "no memory, or 4096 arenas are in use");
        return NULL;
    }
    if (hooks != NULL && hooks != &hooks_system) {
        pa_set_hooks(&arena->pages, hooks);
    }
    stats_begin_life(arena->index);
    ctl_forget_arena(arena->index);
    ctl_epoch_forget(arena->index);
    ctl_forget_name(arena->index);
    return arena;
}

int
read_arenas_create(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    const arena_t *arena = create(NULL, why);
    value->v.u = arena == NULL ? 0 : arena->index;
    return arena == NULL ? EAGAIN : 0;
}

/* Nothing is made that nobody learns of. */
static int
create_for(const ctl_io_t *io, bool with_hooks, extent_hooks_t *hooks) {
    char buf[64];
    fmt_t why = fmt_begin(buf, sizeof buf);
    if (!ctl_takes(io, sizeof(unsigned))) {
        return ctl_put_nothing(io);
    }
    if (with_hooks && (hooks == NULL || hooks->alloc == NULL)) {
        return EINVAL;
    }
    const arena_t *arena = create(hooks, &why);
    return arena == NULL ? EAGAIN : ctl_put(io, &arena->index, sizeof arena->index);
}

int
exchange_arenas_create(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    extent_hooks_t *hooks = NULL;
    bool given = io->newp != NULL;
    return given && !ctl_take(io, &hooks, sizeof hooks) ? EINVAL : create_for(io, given, hooks);
}

int
exchange_arenas_create_ext(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    struct {
        extent_hooks_t *hooks;
        unsigned char metadata_use_hooks; /* a bool of the caller's */
    } config = {0};
    return io->newp != NULL && !ctl_take(io, &config, sizeof config)
               ? EINVAL
               : create_for(io, config.hooks != NULL, config.hooks);
}

int
exchange_arenas_lookup(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    void *ptr;
    lunalloc_location_t at;
    bool asked = io->oldp != NULL && io->oldlenp != NULL && ctl_take(io, &ptr, sizeof ptr);
    if (!asked || walk_find((uintptr_t)ptr, &at) != 0 || at.extent.state != LUNALLOC_ACTIVE) {
        return EINVAL;
    }
    return ctl_put(io, &at.extent.arena, sizeof at.extent.arena);
}

/* ctl_arenas.c -- what all arenas have in common, and the size classes. */
#include "control/ctl_arenas.h"

#include "control/ctl_arena.h"
#include "control/ctl_source.h"
#include "thread/tcache.h"

#include <errno.h>

int
read_bin(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(why, "small class", i);
    }
    size_t slab_size = atomic_get(&sc.slab_size[i]);
    value->v.u = call->arg == BIN_SIZE ? sc.size[i] : call->arg == BIN_SLAB_SIZE ? slab_size : slab_size / sc.size[i];
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
read_lextent(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    if (call->index[0] >= sc.nsizes - sc.nsmall) {
        return ctl_no_such(why, "large class", call->index[0]);
    }
    value->v.u = sc.size[sc.nsmall + call->index[0]];
    return 0;
}

static uint64_t
tcache_max(void) {
    uint32_t ncached = tcache_nclasses();
    return ncached == 0 ? 0 : sc.size[ncached - 1];
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
    case NUMBER_LEXTENTS:
        return sc.nsizes - sc.nsmall;
    case NUMBER_PAGE:
        return sc.page;
    case NUMBER_QUANTUM:
        return UINT64_C(1) << sc.config.lg_quantum;
    case NUMBER_TCACHE_MAX:
        return tcache_max();
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
    return 0;
}

int
read_arenas_create(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    const arena_t *arena = arenas_create();
    if (arena == NULL) {
        fmt_str(why, "no memory, or 4096 arenas are in use");
        return EAGAIN;
    }
    ctl_forget_arena(arena->index);
    value->v.u = arena->index;
    return 0;
}

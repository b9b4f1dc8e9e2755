/* ctl_arena.c -- arena.<i>.*: decay, limits, hooks, guards, huge pages, actions. */
#include "control/ctl_arena.h"

#include "arena/arenas_bind.h"
#include "arena/slab_decay.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_option.h"
#include "extent/decay_pass.h"
#include "extent/dirty_limits.h"
#include "extent/hugepage.h"
#include "extent/purge.h"
#include "observe/record.h"
#include "os/clock.h"

#include <errno.h>

/* ---- which arena ---- */

int
ctl_no_such(fmt_t *why, const char *what, size_t index) {
    fmt_str(why, "there is no ");
    fmt_str(why, what);
    fmt_char(why, ' ');
    fmt_u64(why, index);
    return ENOENT;
}

int
ctl_no_such_arena(fmt_t *why, size_t index) {
    if (index == CTL_ALL_ARENAS) {
        fmt_str(why, "4096 means all arenas, and this takes one; allowed: 0 to ");
    } else {
        ctl_no_such(why, "arena", index);
        fmt_str(why, index < arenas_count() ? ", it was destroyed; allowed: 0 to " : "; allowed: 0 to ");
    }
    fmt_u64(why, arenas_count() - 1);
    return ENOENT;
}

arena_t *
ctl_one_arena(const ctl_call_t *call) {
    size_t index = call->index[0];
    arena_t *arena = index < ARENAS_MAX ? arenas_get((uint32_t)index) : NULL;
    if (LIKELY(arena != NULL && !atomic_get(&arena->manual))) {
        return arena; /* an automatic arena is never destroyed, so it needs no further check */
    }
    arena = index < ARENAS_MAX ? arenas_want((uint32_t)index) : NULL;
    if (arena == NULL) {
        ctl_no_such_arena(call->why, index);
    }
    return arena;
}

/* ---- settings ---- */

typedef void apply_t(arena_t *arena, const ctl_call_t *call);

/* Applies a write to the arena that the index means, or to all of them. */
static int
to_arenas(const ctl_call_t *call, apply_t *apply) {
    if (call->index[0] != CTL_ALL_ARENAS) {
        arena_t *arena = ctl_one_arena(call);
        if (arena == NULL) {
            return ENOENT;
        }
        apply(arena, call);
        return 0;
    }
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_want(i);
        if (arena != NULL) {
            apply(arena, call);
        }
    }
    return 0;
}

int
read_arena_decay(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    page_alloc_t *pa = &arena->pages;
    call->value.v.i = atomic_get(&pa_stage(pa, (extent_state_t)call->row->arg)->decay_ms);
    return 0;
}

static void
apply_decay(arena_t *arena, const ctl_call_t *call) {
    extent_state_t state = (extent_state_t)call->row->arg;
    pa_set_decay_ms(&arena->pages, state, call->value.v.i, clock_coarse_ns());
    record_decay_ms(arena->index, state == extent_muzzy, call->value.v.i);
}

int
write_arena_decay(ctl_call_t *call) {
    return to_arenas(call, apply_decay);
}

int
read_arena_dirty_max(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    call->value.v.i = atomic_get(&arena->pages.dirty_max);
    return 0;
}

static void
apply_dirty_max(arena_t *arena, const ctl_call_t *call) {
    atomic_set(&arena->pages.dirty_max, call->value.v.i);
    pa_dirtied(&arena->pages);
}

int
write_arena_dirty_max(ctl_call_t *call) {
    return to_arenas(call, apply_dirty_max);
}

int
read_arena_slab_decay(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    call->value.v.i = atomic_get(&arena->slab_decay.decay_ms);
    return 0;
}

static void
apply_slab_decay(arena_t *arena, const ctl_call_t *call) {
    arena_set_slab_decay_ms(arena, call->value.v.i, clock_coarse_ns());
}

int
write_arena_slab_decay(ctl_call_t *call) {
    return to_arenas(call, apply_slab_decay);
}

int
read_arena_oversize(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    call->value.v.u = atomic_get(&arena->pages.oversize);
    return 0;
}

static void
apply_oversize(arena_t *arena, const ctl_call_t *call) {
    atomic_set(&arena->pages.oversize, call->value.v.u);
}

int
write_arena_oversize(ctl_call_t *call) {
    return to_arenas(call, apply_oversize);
}

/* An arena without hooks of its own reads as having the system's. */
int
read_extent_hooks(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    extent_hooks_t *hooks = pa_hooks(&arena->pages);
    call->value.v.p = hooks == NULL ? &hooks_system : hooks;
    return 0;
}

int
write_extent_hooks(ctl_call_t *call) {
    extent_hooks_t *hooks = call->value.v.p;
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    if (hooks == NULL || hooks->alloc == NULL) {
        fmt_str(call->why, "hooks need an alloc function");
        return EINVAL;
    }
    if (hooks != &hooks_system) {
        background_hooked();
    }
    pa_set_hooks(&arena->pages, hooks == &hooks_system ? NULL : hooks);
    return 0;
}

int
read_arena_guard(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    call->value.v.b = arena != NULL && atomic_get(&arena->pages.guard);
    return arena == NULL ? ENOENT : 0;
}

static void
apply_guard(arena_t *arena, const ctl_call_t *call) {
    atomic_set(&arena->pages.guard, call->value.v.b);
}

int
write_arena_guard(ctl_call_t *call) {
    return to_arenas(call, apply_guard);
}

int
read_arena_thp(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    call->value.v.s = arena == NULL ? "" : ctl_thp_keywords[atomic_get(&arena->pages.thp)];
    return arena == NULL ? ENOENT : 0;
}

static void
apply_thp(arena_t *arena, const ctl_call_t *call) {
    pa_set_thp(&arena->pages, (pages_thp_t)call->value.v.u);
}

/* The arena is looked for first: a wrong keyword for an arena that does not exist is ENOENT. */
int
write_arena_thp(ctl_call_t *call) {
    uint32_t mode;
    if (call->index[0] != CTL_ALL_ARENAS && ctl_one_arena(call) == NULL) {
        return ENOENT;
    }
    if (!ctl_choose(ctl_thp_keywords, call->value.v.s, &mode, call->why)) {
        return EINVAL;
    }
    call->value.v.u = mode;
    return to_arenas(call, apply_thp);
}

int
read_arena_grow_limit(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    call->value.v.u = arena == NULL ? 0 : pa_grow_limit(&arena->pages);
    return arena == NULL ? ENOENT : 0;
}

/* Rounded down to a class of pages, and one page at least. */
int
write_arena_grow_limit(ctl_call_t *call) {
    arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    size_t npages = call->value.v.u / sc.page;
    size_t limit = npages == 0 ? 1 : sc_page_class_npages(sc_page_class_floor(npages));
    atomic_set(&arena->pages.grow_limit, limit * sc.page);
    return 0;
}

/* ---- actions ---- */

/* As in jemalloc, mallctl fails with EFAULT for an arena that may not be reset or destroyed; but with EAGAIN for a
 * reset while threads allocate from the arena, which may succeed later. */
static int
clear_error(const ctl_call_t *call, arena_action_t action, int error) {
    bool refused = error == EINVAL || (error == EAGAIN && action == ARENA_DESTROY);
    return refused && call->typed ? EFAULT : error;
}

static int
clear_arena(const ctl_call_t *call, arena_action_t action) {
    const arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return call->index[0] == CTL_ALL_ARENAS ? clear_error(call, action, EINVAL) : ENOENT;
    }
    int error = action == ARENA_RESET ? arenas_reset(arena->index) : arenas_destroy(arena->index);
    if (error == EINVAL) {
        fmt_str(call->why, "only manual arenas (arenas.create) can be reset or destroyed");
    } else if (error == EAGAIN) {
        fmt_str(call->why, "threads are bound to this arena; bind them to another one first");
    }
    return clear_error(call, action, error);
}

static void
give_back(arena_t *arena, arena_action_t action) {
    if (action == ARENA_PURGE) {
        record_purge(arena->index);
        arena_purge_slabs(arena);
        arena_drop_kept(arena);
        pa_purge_all(&arena->pages);
    } else if (action == ARENA_PURGE_SLABS) {
        arena_purge_slabs(arena);
    } else {
        pa_decay(&arena->pages, clock_ns());
        arena_decay_slabs(arena, clock_ns());
    }
}

/* For all arenas, decay and purge skip those that do not exist; reset and destroy are for one arena. */
int
write_arena_action(ctl_call_t *call) {
    arena_action_t action = (arena_action_t)call->row->arg;
    if (action == ARENA_RESET || action == ARENA_DESTROY) {
        return clear_arena(call, action);
    }
    if (call->index[0] != CTL_ALL_ARENAS) {
        arena_t *arena = ctl_one_arena(call);
        if (arena != NULL) {
            give_back(arena, action);
        }
        return arena == NULL ? ENOENT : 0;
    }
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            give_back(arenas_get(i), action);
        }
    }
    return 0;
}

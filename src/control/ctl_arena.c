/* ctl_arena.c -- arenas by name: decay, caps, hooks, guards, huge pages, actions. */
#include "control/ctl_arena.h"

#include "base/options.h"
#include "control/ctl_epoch.h"
#include "control/ctl_keywords.h"
#include "observe/stats.h"
#include "os/clock.h"

#include <errno.h>

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

/* The arenas that an index means: [*from, *to). False if there are none. */
static bool
arena_range(const ctl_call_t *call, uint32_t *from, uint32_t *to, fmt_t *why) {
    size_t index = call->index[0];
    bool all = index == CTL_ALL_ARENAS;
    *from = all ? 0 : (uint32_t)index;
    *to = all ? arenas_count() : (uint32_t)index + 1;
    if (!all && (index >= CTL_ALL_ARENAS || arenas_want((uint32_t)index) == NULL)) {
        ctl_no_such_arena(why, index);
        return false;
    }
    return true;
}

arena_t *
ctl_one_arena(const ctl_call_t *call, fmt_t *why) {
    size_t index = call->index[0];
    arena_t *arena = index < ARENAS_MAX ? arenas_get((uint32_t)index) : NULL;
    if (LIKELY(arena != NULL && !atomic_get(&arena->manual))) {
        return arena; /* an automatic arena is never destroyed */
    }
    arena = index < ARENAS_MAX ? arenas_want((uint32_t)index) : NULL;
    if (arena == NULL) {
        ctl_no_such_arena(why, index);
    }
    return arena;
}

/* In mallctl's sense, an arena exists if it did when the epoch began, and still does. */
int
read_arena_initialized(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t index = call->index[0];
    bool several = index == CTL_ALL_ARENAS || (call->typed && index == STATS_DESTROYED);
    if (!several && index >= arenas_count()) {
        return ctl_no_such_arena(why, index);
    }
    bool alive = several ? index == CTL_ALL_ARENAS || arenas_ndestroyed() > 0 : arenas_alive((uint32_t)index);
    value->v.b = alive && (several || !call->typed || ctl_epoch_began_with((uint32_t)index));
    return 0;
}

typedef void apply_t(arena_t *arena, const ctl_call_t *call, const lunalloc_value_t *value);

/* Applies a write to each arena that the index means. */
static int
to_arenas(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why, apply_t *apply) {
    uint32_t from, to;
    if (!arena_range(call, &from, &to, why)) {
        return ENOENT;
    }
    for (uint32_t i = from; i < to; i++) {
        arena_t *arena = arenas_want(i);
        if (arena != NULL) {
            apply(arena, call, value);
        }
    }
    return 0;
}

int
read_arena_decay(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    page_alloc_t *pa = &arena->pages;
    value->v.i = atomic_get(call->arg == extent_dirty ? &pa->dirty_decay_ms : &pa->muzzy_decay_ms);
    return 0;
}

static void
apply_decay(arena_t *arena, const ctl_call_t *call, const lunalloc_value_t *value) {
    pa_set_decay_ms(&arena->pages, (extent_state_t)call->arg, value->v.i, clock_coarse_ns());
}

int
write_arena_decay(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    return to_arenas(call, value, why, apply_decay);
}

int
read_arena_dirty_max(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    value->v.i = atomic_get(&arena->pages.dirty_max);
    return 0;
}

static void
apply_dirty_max(arena_t *arena, const ctl_call_t *call, const lunalloc_value_t *value) {
    (void)call;
    atomic_set(&arena->pages.dirty_max, value->v.i);
    pa_dirtied(&arena->pages);
}

int
write_arena_dirty_max(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    return to_arenas(call, value, why, apply_dirty_max);
}

int
read_arena_oversize(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    value->v.u = atomic_get(&arena->pages.oversize);
    return 0;
}

static void
apply_oversize(arena_t *arena, const ctl_call_t *call, const lunalloc_value_t *value) {
    (void)call;
    atomic_set(&arena->pages.oversize, value->v.u);
}

int
write_arena_oversize(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    return to_arenas(call, value, why, apply_oversize);
}

int
read_extent_hooks(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    extent_hooks_t *hooks = pa_hooks(&arena->pages);
    value->v.p = hooks == NULL ? &hooks_system : hooks;
    return 0;
}

int
write_extent_hooks(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    extent_hooks_t *hooks = value->v.p;
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    if (hooks == NULL || hooks->alloc == NULL) {
        fmt_str(why, "hooks need an alloc function");
        return EINVAL;
    }
    pa_set_hooks(&arena->pages, hooks == &hooks_system ? NULL : hooks);
    return 0;
}

int
read_arena_guard(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    value->v.b = arena != NULL && atomic_get(&arena->pages.guard);
    return arena == NULL ? ENOENT : 0;
}

static void
apply_guard(arena_t *arena, const ctl_call_t *call, const lunalloc_value_t *value) {
    (void)call;
    atomic_set(&arena->pages.guard, value->v.b);
}

int
write_arena_guard(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    return to_arenas(call, value, why, apply_guard);
}

int
read_arena_thp(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    value->v.s = arena == NULL ? "" : ctl_thp_words[atomic_get(&arena->pages.thp)];
    return arena == NULL ? ENOENT : 0;
}

int
write_arena_thp(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t from, to, mode;
    if (!arena_range(call, &from, &to, why)) {
        return ENOENT;
    }
    if (!ctl_choose(ctl_thp_words, value->v.s, &mode, why)) {
        return EINVAL;
    }
    for (uint32_t i = from; i < to; i++) {
        arena_t *arena = arenas_want(i);
        if (arena != NULL) {
            pa_set_thp(&arena->pages, (pages_thp_t)mode);
        }
    }
    return 0;
}

static int
clear_arena(const ctl_call_t *call, arena_action_t action, fmt_t *why) {
    const arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return call->index[0] == CTL_ALL_ARENAS ? EINVAL : ENOENT;
    }
    int error = action == ARENA_RESET ? arenas_reset(arena->index) : arenas_destroy(arena->index);
    if (error == EINVAL) {
        fmt_str(why, "only manual arenas (arenas.create) can be reset or destroyed");
    } else if (error == EAGAIN) {
        fmt_str(why, "threads are bound to this arena; bind them to another one first");
    }
    return error;
}

int
write_arena_action(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)value;
    uint32_t from, to;
    arena_action_t action = (arena_action_t)call->arg;
    if (action == ARENA_RESET || action == ARENA_DESTROY) {
        return clear_arena(call, action, why);
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

int
read_arena_grow_limit(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    value->v.u = arena == NULL ? 0 : pa_grow_limit(&arena->pages);
    return arena == NULL ? ENOENT : 0;
}

int
write_arena_grow_limit(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    if (arena == NULL) {
        return ENOENT;
    }
    size_t npages = value->v.u / sc.page;
    size_t limit = npages == 0 ? 1 : sc_page_class_npages(sc_page_class_floor(npages));
    atomic_set(&arena->pages.grow_limit, limit * sc.page);
    return 0;
}

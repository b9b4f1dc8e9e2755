/* arenas_special.c -- the fallback arena and the oversize arena. */
#include "arena/arenas_special.h"

#include "arena/arenas_locked.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/decay_pass.h"
#include "os/clock.h"

/* ---- the fallback arena ---- */

static _Atomic(arena_t *) fallback; /* Synchronization: any thread; the last one found. */

static bool
has_hooks(arena_t *arena) {
    return pa_hooks(&arena->pages) != NULL;
}

/* The lowest automatic arena without hooks; if all have hooks, a new arena, to which no thread is bound. */
static arena_t *
find_fallback(void) REQUIRES(role_arenas) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL && !arena->manual && !has_hooks(arena)) {
            return arena;
        }
    }
    uint32_t index = arenas_free_index_locked();
    return index < ARENAS_MAX ? arenas_make_locked(index, false) : NULL;
}

arena_t *
arenas_fallback(void) {
    witness_no_core_lock();
    arena_t *arena = atomic_get_acquire(&fallback);
    if (arena == NULL || has_hooks(arena)) {
        arenas_lock();
        arena = find_fallback();
        arenas_unlock();
        atomic_set_release(&fallback, arena);
    }
    return arena;
}

/* ---- the oversize arena ---- */

uint32_t arenas_oversize_from = SC_NONE;
static _Atomic(arena_t *) oversize; /* Synchronization: written under the table's lock, once, read at any time. */

void
arenas_oversize_boot(void) {
    size_t threshold = options.oversize_threshold;
    if (threshold != 0 && threshold <= SC_LARGE_MAX) {
        uint32_t szind = sc_index(threshold);
        arenas_oversize_from = szind < sc.nsmall ? sc.nsmall : szind;
    }
}

/* A decay time of -1, by which nothing is purged, stays. */
static void
purge_at_once(arena_t *arena, uint64_t now) {
    page_alloc_t *pa = &arena->pages;
    if (atomic_get(&pa->dirty.decay_ms) > 0) {
        pa_set_decay_ms(pa, extent_dirty, 0, now);
    }
    if (atomic_get(&pa->muzzy.decay_ms) > 0) {
        pa_set_decay_ms(pa, extent_muzzy, 0, now);
    }
}

static arena_t *
make_oversize(void) REQUIRES(role_arenas) {
    arena_t *arena = atomic_get(&oversize);
    uint32_t index = arena == NULL ? arenas_free_index_locked() : ARENAS_MAX;
    if (index < ARENAS_MAX) {
        arena = arenas_make_locked(index, true);
        atomic_set_release(&oversize, arena);
    }
    return arena;
}

arena_t *
arenas_oversize(void) {
    witness_no_core_lock();
    arena_t *arena = atomic_get_acquire(&oversize);
    if (UNLIKELY(arena == NULL)) {
        arenas_lock();
        arena = make_oversize();
        arenas_unlock();
        if (arena != NULL) {
            purge_at_once(arena, clock_coarse_ns());
        }
    }
    return arena;
}

bool
arenas_is_oversize(const arena_t *arena) {
    return arena == atomic_get(&oversize);
}

bool
arenas_outgrows(const arena_t *arena, uint32_t szind) {
    return szind >= arenas_oversize_from && !atomic_get(&arena->manual);
}

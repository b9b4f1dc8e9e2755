/* arenas.c -- the table, and operations on all arenas. */
#include "arena/arenas.h"

#include "arena/arenas_locked.h"
#include "base/witness.h"
#include "extent/region_release.h"
#include "os/clock.h"

/* Sparse: common, as pagemap_classes is. */
__attribute__((common)) _Atomic(arena_t *) arenas_table[ARENAS_MAX];
_Atomic uint32_t arenas_end;
_Atomic bool arenas_uncached_made;

/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_arenas = LOCK_INITIALIZER(RANK_ARENAS);
/* Not static: another process finds it (control/layout.def). */
_Atomic uint32_t arenas_ndestroyed_count; /* Synchronization: written under the lock, read at any time. */

/* ---- under the lock ---- */

void
arenas_lock(void) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_arenas);
}

void
arenas_unlock(void) NO_THREAD_SAFETY {
    lock_release(&lock_of_arenas);
}

/* The index of a destroyed arena keeps its arena_t, which gets the defaults again. The count rises last, so that a walk
 * over the table finds the arena. */
arena_t *
arenas_make_locked(uint32_t index, bool manual) {
    arena_t *arena = atomic_get(&arenas_table[index]);
    if (arena == NULL) {
        arena = arena_new(index, manual);
    }
    if (arena == NULL) {
        return NULL;
    }
    if (atomic_get(&arena->life) == arena_destroyed) {
        arena_use_defaults(arena, clock_coarse_ns());
        atomic_set(&arena->manual, manual);
    }
    atomic_set_release(&arena->life, arena_living);
    atomic_set_release(&arenas_table[index], arena);
    if (index >= atomic_get(&arenas_end)) {
        atomic_set_release(&arenas_end, index + 1);
    }
    return arena;
}

bool
arenas_alive_locked(uint32_t index) {
    const arena_t *arena = index < atomic_get(&arenas_end) ? atomic_get(&arenas_table[index]) : NULL;
    return arena != NULL && atomic_get(&arena->life) == arena_living;
}

/* For an automatic arena that is not made yet. */
static bool
is_reserved(uint32_t index) REQUIRES(role_arenas) {
    return index < atomic_get(&arenas_end) && atomic_get(&arenas_table[index]) == NULL;
}

arena_t *
arenas_want_locked(uint32_t index) {
    return arenas_alive_locked(index) ? arenas_get(index)
           : is_reserved(index)       ? arenas_make_locked(index, false)
                                      : NULL;
}

static bool
is_free(uint32_t index) REQUIRES(role_arenas) {
    const arena_t *arena = atomic_get(&arenas_table[index]);
    return arena == NULL ? !is_reserved(index) : atomic_get(&arena->life) == arena_destroyed;
}

uint32_t
arenas_free_index_locked(void) {
    uint32_t i = 0;
    while (i < ARENAS_MAX && !is_free(i)) {
        i++;
    }
    return i;
}

void
arenas_set_life_locked(arena_t *arena, arena_life_t life) {
    atomic_set(&arena->life, life);
    atomic_set(&arenas_ndestroyed_count, atomic_get(&arenas_ndestroyed_count) + (life == arena_destroyed));
}

/* ---- one arena ---- */

uint32_t
arenas_ndestroyed(void) {
    return atomic_get(&arenas_ndestroyed_count);
}

bool
arenas_alive(uint32_t index) {
    arenas_lock();
    bool is = arenas_alive_locked(index);
    arenas_unlock();
    return is;
}

arena_t *
arenas_want(uint32_t index) {
    arena_t *arena = arenas_get(index);
    if (arena == NULL || atomic_get_acquire(&arena->life) != arena_living) {
        arenas_lock();
        arena = arenas_want_locked(index);
        arenas_unlock();
    }
    return arena;
}

arena_t *
arenas_create(void) {
    witness_no_core_lock();
    arenas_lock();
    uint32_t index = arenas_free_index_locked();
    arena_t *arena = index < ARENAS_MAX ? arenas_make_locked(index, true) : NULL;
    if (arena != NULL) {
        atomic_set(&arenas_uncached_made, true);
    }
    arenas_unlock();
    return arena;
}

/* ---- all arenas ---- */

/* Fills the slot pa_overlaps_any: an arena's alloc hook must not return memory that any arena has. */
static bool
overlaps_any(uintptr_t addr, size_t size) {
    bool found = false;
    for (uint32_t i = 0; i < atomic_get(&arenas_end) && !found; i++) {
        arena_t *arena = arenas_get(i);
        found = arena != NULL && pa_overlaps(&arena->pages, addr, size);
    }
    return found;
}

bool
arenas_boot(uint32_t nauto) {
    atomic_set_release(&pa_overlaps_any, overlaps_any);
    arenas_lock();
    bool made = arenas_make_locked(0, false) != NULL;
    atomic_set_release(&arenas_end, nauto);
    arenas_unlock();
    return made;
}

/* The number is stored before the locks of surplus shards are taken: see shards_lock_slow. */
void
arenas_set_nshards(uint32_t szind, uint32_t n) {
    witness_no_core_lock();
    atomic_set(&shards_beyond_first[szind], (uint8_t)(n - 1));
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_drain_surplus(arenas_get(i), szind);
        }
    }
}

bool
arenas_release_unused(void) {
    witness_no_core_lock();
    bool any = false;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            arena_drain(arena);
            any = pa_release_unused(&arena->pages) || any;
        }
    }
    return any;
}

lock_t *
arenas_mutex(void) {
    return &lock_of_arenas;
}

/* Ranks rise over all arenas. */
void
arenas_prefork(void) {
    lock_prefork(&lock_of_arenas);
    for (lock_rank_t rank = RANK_DECAY; rank <= RANK_RETAINED; rank++) {
        for (uint32_t i = 0; i < arenas_count(); i++) {
            if (arenas_get(i) != NULL) {
                arena_prefork(arenas_get(i), rank);
            }
        }
    }
}

void
arenas_postfork(bool child) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_postfork(arenas_get(i), child);
        }
    }
    lock_postfork(&lock_of_arenas, child);
}

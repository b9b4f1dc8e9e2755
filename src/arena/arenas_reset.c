/*
 * arenas_reset.c -- reset and destruction of manual arenas. Part of arenas.h's contract.
 *
 * No lock is held while extents are freed, since hooks may run. Meanwhile the arena's life is `clearing`, so that no
 * thread is bound to it and no second reset begins.
 */
#include "arena/arenas_locked.h"
#include "arena/arenas_special.h"
#include "arena/page_watch.h"
#include "arena/slab_pass.h"
#include "base/witness.h"
#include "extent/pagemap.h"

#include <errno.h>

/* Takes a slab out of its bin. False if another thread that found it empty did so first: then the descriptor may belong
 * to another arena by now. */
static bool
take_from_bin(const arena_t *arena, extent_t *slab) {
    bool mine = false;
    bin_t *bin = atomic_get(&slab->bin);
    if (bin != NULL) {
        bin_lock(bin);
        mine = atomic_get(&slab->bin) == bin && extent_arena(slab) == arena->index;
        if (mine) {
            bin_forget(bin, slab);
        }
        bin_unlock(bin);
    }
    return mine;
}

/* Frees one active extent, with all that lives in it. */
static void
reclaim_extent(arena_t *arena, extent_t *e, bool slab) {
    if (!slab) {
        arena_free_large(e);
    } else if (take_from_bin(arena, e)) {
        pagemap_clear_slab(e);
        page_watch_tell(page_freed, e, 1);
        pa_dalloc(&arena->pages, e);
    }
}

/* The first active extent at or after a place, and whether it is a slab; NULL at the end. */
static extent_t *
next_active(page_alloc_t *pa, pa_place_t *place, bool *slab) {
    pa_lock_layout(pa);
    extent_t *e = pa_next_extent(pa, place);
    while (e != NULL && extent_state(e) != extent_active) {
        e = pa_next_extent(pa, place);
    }
    *slab = e != NULL && e->slab;
    pa_unlock_layout(pa);
    return e;
}

void
arena_reset(arena_t *arena) {
    witness_no_core_lock();
    pa_place_t place = {0};
    bool slab;
    for (extent_t *e; (e = next_active(&arena->pages, &place, &slab)) != NULL;) {
        reclaim_extent(arena, e, slab);
    }
}

void
arena_clear(arena_t *arena) {
    witness_no_core_lock();
    arena_reset(arena);
    pa_release_all(&arena->pages);
}

static void
end_clearing(uint32_t index, arena_life_t life) {
    arenas_lock();
    arenas_set_life_locked(arenas_get(index), life);
    arenas_unlock();
}

/* Starts clearing if the arena may be reset. 0, EINVAL or EAGAIN. */
static int
start_clearing(uint32_t index) {
    int error = EINVAL;
    arenas_lock();
    arena_t *arena = arenas_alive_locked(index) ? arenas_get(index) : NULL;
    if (arena != NULL && atomic_get(&arena->manual) && !arenas_is_oversize(arena)) {
        error = atomic_get(&arena->nthreads) > 0 ? EAGAIN : 0;
        arenas_set_life_locked(arena, error == 0 ? arena_clearing : arena_living);
    }
    arenas_unlock();
    return error;
}

/* Starts clearing when no thread gives pages of slabs back. EAGAIN, too, inside of a hook that gives them back: to wait
 * for the calling thread itself would not end. */
static int
begin_clearing(uint32_t index) {
    int error = start_clearing(index);
    if (error == 0 && !arena_wait_for_pass(arenas_get(index))) {
        end_clearing(index, arena_living);
        error = EAGAIN;
    }
    return error;
}

int
arenas_reset(uint32_t index) {
    witness_no_core_lock();
    int error = begin_clearing(index);
    if (error == 0) {
        arena_reset(arenas_get(index));
        end_clearing(index, arena_living);
    }
    return error;
}

int
arenas_destroy(uint32_t index) {
    witness_no_core_lock();
    int error = begin_clearing(index);
    if (error == 0) {
        arena_clear(arenas_get(index));
        end_clearing(index, arena_destroyed);
    }
    return error;
}

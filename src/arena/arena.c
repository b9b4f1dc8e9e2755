/* arena.c -- an arena's life and its fork. Its checker is arena_check.c's, small allocations are small.c's, large
 * ones large.c's. */
#include "arena/arena.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/clock.h"

arena_t *
arena_new(uint32_t index, bool manual) {
    witness_no_core_lock();
    arena_t *arena = metadata_alloc(sizeof *arena + sc.nsmall * sizeof arena->bins[0], CACHELINE);
    if (arena == NULL) {
        return NULL;
    }
    arena->index = index;
    atomic_set(&arena->manual, manual);
    pa_init(&arena->pages, index);
    arena_use_defaults(arena, clock_coarse_ns_once());
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bin_init(&arena->bins[i]);
    }
    return arena;
}

uint32_t
arena_assign_bin_shard(arena_t *arena) {
    return atomic_add(&arena->nshards_assigned, 1);
}

/* Takes a slab out of its bin. False if that was done by another thread, which found it empty: then its descriptor may
 * be another arena's by now. */
static bool
forget(const arena_t *arena, extent_t *slab) {
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

/* Frees one active extent whatever it holds. */
static void
reclaim(arena_t *arena, extent_t *e, bool slab) {
    if (!slab) {
        arena_free_large(e);
    } else if (forget(arena, e)) {
        pagemap_clear_slab(e);
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
        reclaim(arena, e, slab);
    }
}

void
arena_clear(arena_t *arena) {
    witness_no_core_lock();
    arena_reset(arena);
    pa_release_all(&arena->pages);
}

void
arena_use_defaults(arena_t *arena, uint64_t now) {
    witness_no_core_lock();
    atomic_set(&arena->created, now);
    atomic_set_release(&arena->pages.hooks, NULL);
    atomic_set(&arena->pages.guard, false);
    atomic_set(&arena->pages.oversize, options.oversize_threshold);
    atomic_set(&arena->pages.grow_limit, 0);
    atomic_set(&arena->pages.dirty_max, atomic_get(&options.dirty_max));
    pa_set_decay_ms(&arena->pages, extent_dirty, atomic_get(&options.dirty_decay_ms), now);
    pa_set_decay_ms(&arena->pages, extent_muzzy, atomic_get(&options.muzzy_decay_ms), now);
    pa_set_thp(&arena->pages, (pages_thp_t)atomic_get(&options.thp));
}

void
arena_lock_bins(arena_t *arena) NO_THREAD_SAFETY {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        shards_lock_all(&arena->bins[i]);
    }
}

void
arena_unlock_bins(arena_t *arena) NO_THREAD_SAFETY {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        shards_unlock_all(&arena->bins[i]);
    }
}

void
arena_prefork(arena_t *arena, lock_rank_t rank) {
    switch (rank) {
    case RANK_DECAY:
        pa_prefork_decay(&arena->pages);
        break;
    case RANK_BIN:
        for (uint32_t i = 0; i < sc.nsmall; i++) {
            shards_prefork(&arena->bins[i]);
        }
        break;
    case RANK_DIRTY:
        pa_prefork_extents(&arena->pages, extent_dirty);
        break;
    case RANK_MUZZY:
        pa_prefork_extents(&arena->pages, extent_muzzy);
        break;
    default:
        pa_prefork_extents(&arena->pages, extent_retained);
        break;
    }
}

void
arena_postfork(arena_t *arena, bool child) {
    pa_postfork(&arena->pages, child);
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        shards_postfork(&arena->bins[i], child);
    }
}

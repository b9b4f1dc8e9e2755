/* arena.c -- an arena's creation, its defaults, and its locks for a still picture and for fork. */
#include "arena/slab_pass.h"

#include "arena/sample.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/decay_pass.h"
#include "extent/hugepage.h"
#include "extent/metadata.h"
#include "os/clock.h"

/* The slots of sample.h, empty until a profiler fills them. */
const sampler_t *_Atomic sampler;
_Atomic bool sampling;
_Atomic uint32_t sample_generation;

/* Metadata is zeroed, which is the initial state of counters and, in release builds, of bins. */
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

/* Also for an index that is used again: the destroyed arena may have had other settings. */
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
    arena_init_slab_decay(arena, atomic_get(&options.slab_decay_ms), now);
}

/* All bins have one rank: their locks are taken in the order of classes, and of shards within a class. */
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

/* Takes the locks of one rank, so that the caller can take those of all arenas before it goes on to the next rank. */
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
    if (child && atomic_get(&arena->slab_decay.passer) != 0) {
        arena_abandon_pass(arena);
    }
}

/* arena.c -- an arena's life, its fork, its checker. Small allocations are small.c's, large ones large.c's. */
#include "arena/arena.h"

#include "base/check.h"
#include "base/options.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/clock.h"

arena_t *
arena_new(uint32_t index, bool manual) {
    arena_t *arena = metadata_alloc(sizeof *arena, CACHELINE);
    if (arena == NULL) {
        return NULL;
    }
    arena->index = index;
    arena->manual = manual;
    pa_init(&arena->pages, index);
    arena_use_defaults(arena, clock_coarse_ns());
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bin_init(&arena->bins[i]);
    }
    return arena;
}

/* Frees one active extent whatever it holds. */
static void
reclaim(arena_t *arena, extent_t *e) {
    if (e->slab) {
        pagemap_clear_slab(e);
        pa_dalloc(&arena->pages, e);
    } else {
        arena_free_large(e);
    }
}

/* The first active extent at or after a place in a region; NULL at the region's end. */
static extent_t *
next_active(const region_t *region, uintptr_t addr) {
    while (addr < region->addr + region->size) {
        extent_t *e = pagemap_extent(addr);
        if (extent_state(e) == extent_active) {
            return e;
        }
        addr = extent_end(e);
    }
    return NULL;
}

/* The next one is found before each is freed: freeing merges what lies between. */
static void
reset_region(arena_t *arena, const region_t *region) {
    extent_t *e = next_active(region, region->addr);
    while (e != NULL) {
        extent_t *next = next_active(region, extent_end(e));
        reclaim(arena, e);
        e = next;
    }
}

void
arena_reset(arena_t *arena) NO_THREAD_SAFETY {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bin_lock(&arena->bins[i]);
        bin_reset(&arena->bins[i]);
        bin_unlock(&arena->bins[i]);
    }
    for (const region_t *region = arena->pages.regions; region != NULL; region = region->next) {
        reset_region(arena, region);
    }
}

void
arena_clear(arena_t *arena) {
    arena_reset(arena);
    pa_release_all(&arena->pages);
}

void
arena_check(arena_t *arena) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bin_check(&arena->bins[i]);
    }
    pa_check(&arena->pages);
}

void
arena_use_defaults(arena_t *arena, uint64_t now) {
    atomic_set_release(&arena->pages.hooks, NULL);
    atomic_set(&arena->pages.dirty_max, atomic_get(&options.dirty_max));
    pa_set_decay_ms(&arena->pages, extent_dirty, atomic_get(&options.dirty_decay_ms), now);
    pa_set_decay_ms(&arena->pages, extent_muzzy, atomic_get(&options.muzzy_decay_ms), now);
}

void
arena_prefork(arena_t *arena, lock_rank_t rank) {
    switch (rank) {
    case RANK_DECAY:
        pa_prefork_decay(&arena->pages);
        break;
    case RANK_BIN:
        for (uint32_t i = 0; i < sc.nsmall; i++) {
            lock_acquire_sibling(&arena->bins[i].lock);
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
        child ? lock_reset(&arena->bins[i].lock) : lock_release(&arena->bins[i].lock);
    }
}

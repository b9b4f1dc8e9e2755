/*
 * small.c -- small allocations: regions from a class's bins, slabs from the page layer. Part of arena.h's contract.
 *
 * Slabs are allocated and given back with no bin locked, since hooks may run.
 */
#include "arena/arena.h"
#include "arena/page_watch.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "extent/purge.h"

/* ---- slabs ---- */

extent_t *
arena_new_slab(arena_t *arena, uint32_t szind) {
    witness_no_core_lock();
    pa_request_t request = {
        .size = atomic_get(&sc.slab_size[szind]), .alignment = sc.page, .szind = szind, .slab = true};
    extent_t *slab = pa_alloc(&arena->pages, &request);
    if (slab != NULL) {
        slab_init(slab);
        page_watch_tell(page_allocated, slab, sc.page);
        pagemap_set_slab(slab, atomic_get(&arena->manual) ? 0 : (uint8_t)(szind + 1));
    }
    return slab;
}

void
arena_unmap_slab(extent_t *slab) {
    witness_no_core_lock();
    pagemap_clear_slab(slab);
    page_watch_tell(page_freed, slab, 1);
}

void
arena_delete_slab(arena_t *arena, extent_t *slab) {
    witness_no_core_lock();
    arena_unmap_slab(slab);
    pa_dalloc(&arena->pages, slab);
}

/* ---- regions ---- */

/* A fill that finds no region is not counted: the caller makes a slab, and tries again. */
uint32_t
arena_take(arena_t *arena, uint32_t szind, uint32_t bin_shard, extent_t *slab, uint32_t n, void **out) {
    bin_t *first = &arena->bins[szind];
    witness_no_core_lock();
    bin_t *bin = shards_lock(first, szind, bin_shard);
    if (slab != NULL) {
        bin_add_slab(bin, slab);
    }
    uint32_t got = bin_pop(bin, n, out);
    bin_count_fill(bin, got);
    bin_unlock(bin);
    if (got < n && UNLIKELY(!shards_single(first))) {
        got += shards_take(first, shards_number(szind), n - got, out + got);
    }
    return got;
}

/* The last resort, regions of any shard, is for exhausted memory alone: else threads would share shards. */
uint32_t
arena_fill(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out) {
    witness_no_core_lock();
    uint32_t got = 0;
    extent_t *slab = NULL;
    do {
        got += arena_take(arena, szind, bin_shard, slab, n - got, out + got);
    } while (got < n && (slab = arena_new_slab(arena, szind)) != NULL);
    return got == n ? n : got + shards_take(&arena->bins[szind], 0, n - got, out + got);
}

void *
arena_malloc_small(arena_t *arena, uint32_t szind, uint32_t bin_shard) {
    void *ptr;
    return arena_fill(arena, szind, bin_shard, 1, &ptr) == 1 ? ptr : NULL;
}

/* ---- draining ---- */

/* Takes one slab at a time, since giving it back may run hooks, which must not find the bin locked. */
static void
drain_bin(arena_t *arena, bin_t *bin) {
    extent_t *slab;
    do {
        bin_lock(bin);
        slab = bin_take_empty(bin);
        bin_unlock(bin);
        if (slab != NULL) {
            arena_delete_slab(arena, slab);
        }
    } while (slab != NULL);
}

/* The shards of a class from number k on. */
static void
drain_shards(arena_t *arena, uint32_t szind, uint32_t k) {
    bin_t *bin;
    while ((bin = shards_next(&arena->bins[szind], &k)) != NULL) {
        drain_bin(arena, bin);
    }
}

void
arena_drain_surplus(arena_t *arena, uint32_t szind) {
    witness_no_core_lock();
    drain_shards(arena, szind, shards_number(szind));
}

void
arena_drain(arena_t *arena) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        drain_shards(arena, i, 0);
    }
    arena_drop_kept(arena);
    pa_purge_all(&arena->pages);
}

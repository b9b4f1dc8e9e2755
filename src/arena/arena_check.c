/*
 * arena_check.c -- checks that an arena's bins and its extents agree. Part of arena.h's contract.
 *
 * With every bin and the layout locked, bins and extents stand still, except for slabs that are in no bin (not added
 * yet, or taken out). The page layer's checker knows nothing of bins; here every slab that is in a bin is checked
 * against it, full slabs too, which only the walk over the extents finds. One walk for each shard number in use tallies
 * the slabs of that number's shards.
 */
#include "arena/arena.h"
#include "arena/slab_pages.h"
#include "base/check.h"
#include "extent/page_check.h"
#include "extent/pagemap.h"

/* One bin's slabs, as the walk over the extents finds them. `tallies` holds those of one shard number, by class. */
typedef struct {
    uint64_t nslabs, nnonfull, nregs_out, discarded;
} bin_tally_t;

/* Every granule of a slab leads to the slab, and to its class unless the arena is manual: then to 0. */
static void
check_slab(arena_t *arena, const extent_t *slab, bin_tally_t *tallies) REQUIRES(role_bin, role_extents) {
    const bin_t *bin = atomic_get(&slab->bin);
    bin_tally_t *tally = &tallies[slab->szind];
    uint32_t nfree = atomic_get(&slab->nfree);
    uint32_t class = atomic_get(&arena->manual) ? 0 : slab->szind + 1;
    for (uintptr_t granule = slab->addr; granule < extent_end(slab); granule += (uintptr_t)1 << LG_GRANULE) {
        check(pagemap_extent(granule) == slab);
        check(pagemap_class((void *)granule) == class);
    }
    bin_check_slab(bin, slab);
    tally->nslabs++;
    tally->nnonfull += slab != bin->current && nfree > 0 && slab->ageing.held == 0;
    tally->nregs_out += slab->nregs - nfree - slab_nheld(slab);
    tally->discarded += slab_bytes_of(slab, atomic_get(&slab->discarded));
}

/* A large allocation has exactly the pages of its class, or one more while its guard page is being set or removed. A
 * small class is that of a sampled allocation (sample.h), which caches do not take. */
static void
check_large(const arena_t *arena, const extent_t *e) REQUIRES(role_extents) {
    size_t size = align_up(sc.size[e->szind], sc.page);
    check(!sc_is_small(e->szind) || pagemap_class((void *)e->addr) == 0);
    check(extent_usable(e) == size || (!e->guarded && e->size == size + sc.page));
    check(!atomic_get(&arena->manual) || pagemap_class((void *)e->addr) == 0);
}

/* The number of the shard that counts a slab: one of its class, in its arena. */
static uint32_t
shard_of(arena_t *arena, const extent_t *slab) REQUIRES(role_bin, role_extents) {
    uint32_t k = 0;
    while (k < SHARDS_MAX && shards_get(&arena->bins[slab->szind], k) != atomic_get(&slab->bin)) {
        k++;
    }
    check(k < SHARDS_MAX);
    return k;
}

/* Checks all large allocations, and the slabs in shards of one number. */
static void
check_active(arena_t *arena, uint32_t shard, bin_tally_t *tallies) REQUIRES(role_bin, role_extents) {
    pa_place_t place = {0};
    for (const extent_t *e; (e = pa_next_extent(&arena->pages, &place)) != NULL;) {
        if (extent_state(e) == extent_active && !e->slab) {
            check_large(arena, e);
        } else if (e->slab && atomic_get(&e->bin) != NULL && shard_of(arena, e) == shard) {
            check_slab(arena, e, tallies);
        }
    }
}

static void
check_bin(bin_t *bin, const bin_tally_t *tally) REQUIRES(role_bin) {
    bin_check(bin);
    check(tally->nslabs == atomic_get(&bin->nslabs));
    check(tally->nnonfull == atomic_get(&bin->nnonfull));
    check(tally->nregs_out == bin_nregs_out(bin));
    check(tally->discarded == atomic_get(&bin->discarded));
}

/* Whether any class has a shard of this number. */
static bool
has_shards(arena_t *arena, uint32_t shard) {
    bool has = false;
    for (uint32_t i = 0; i < sc.nsmall && !has; i++) {
        has = shards_get(&arena->bins[i], shard) != NULL;
    }
    return has;
}

static void
check_shards(arena_t *arena, uint32_t shard) REQUIRES(role_bin, role_extents) {
    bin_tally_t tallies[SC_MAX_SMALL] = {{0}};
    check_active(arena, shard, tallies);
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        if (shards_get(&arena->bins[i], shard) != NULL) {
            check_bin(shards_get(&arena->bins[i], shard), &tallies[i]);
        }
    }
}

void
arena_check(arena_t *arena) {
    arena_lock_bins(arena);
    pa_lock_layout(&arena->pages);
    pa_check_locked(&arena->pages);
    for (uint32_t shard = 0; shard < SHARDS_MAX; shard++) {
        if (has_shards(arena, shard)) {
            check_shards(arena, shard);
        }
    }
    pa_unlock_layout(&arena->pages);
    arena_unlock_bins(arena);
}

/*
 * slab_pages.h -- the pages of a slab that hold no live region: which they are, and how they are held while a thread
 * gives them back. slab_decay.h decides when that is done.
 *
 * A set of pages is a word: bit i stands for the i-th page. In a slab of more than 64 pages it stands for a group of
 * pages, a power of two, and only groups that are wholly free count.
 *
 *   resident --- slab_hold ---> held --- slab_unhold, purged -------> discarded
 *      ^                         `------ slab_unhold, refused -.          |
 *      `--------------------------------------------------------'-- the slab becomes current, or leaves its bin
 *
 * To hold pages takes the free regions that overlap them from the bitmap. So nobody allocates them, and the slab cannot
 * become empty. Counters of regions do not change: the regions are neither free nor out.
 *
 * Discarded pages stay accessible and read as zeros: the system provides memory again when they are touched. So an
 * allocation there needs no preparation; `discarded` only says what is resident.
 */
#ifndef LUNALLOC_ARENA_SLAB_PAGES_H
#define LUNALLOC_ARENA_SLAB_PAGES_H

#include "arena/slab.h"

/* log2 of the pages that a bit of a set stands for, in a slab of so many pages. */
static inline unsigned
slab_lg_group_pages(size_t npages) {
    return lg_ceil((npages + 63) / 64);
}

/* log2 of the bytes. */
static inline unsigned
slab_lg_group(const extent_t *slab) {
    return sc.config.lg_page + slab_lg_group_pages(extent_npages(slab));
}

static inline size_t
slab_bytes_of(const extent_t *slab, uint64_t set) {
    return (size_t)__builtin_popcountll(set) << slab_lg_group(slab);
}

/* The pages that no live or held region overlaps. */
uint64_t slab_free_pages(const extent_t *slab) REQUIRES(role_bin);

/* Takes the free regions that overlap a set of free pages. No page of the slab is held yet. */
void slab_hold(extent_t *slab, uint64_t set) REQUIRES(role_bin);
/* Makes the regions of the held pages free again. */
void slab_unhold(extent_t *slab) REQUIRES(role_bin);
/* How many regions are held. */
uint32_t slab_nheld(const extent_t *slab) REQUIRES(role_bin);

/* For checks: does no live region overlap a set of pages? Regions that are held may. */
bool slab_without_live(const extent_t *slab, uint64_t set) REQUIRES(role_bin);

/* Consecutive pages. */
typedef struct {
    uintptr_t addr;
    size_t size;
} page_run_t;

/* Takes the first run of pages out of a set that is not empty. */
page_run_t slab_next_run(const extent_t *slab, uint64_t *set);

#endif

/*
 * slab.h -- a slab: an extent cut into equal regions of one small class.
 *
 * Use it to take free regions from a slab and to give them back; bin.h chooses the slab. A bitmap in the extent's
 * descriptor says which regions are free, so neither allocation nor deallocation touches the memory itself.
 *
 * Reading or writing the bitmap requires the lock of the slab's bin.
 */
#ifndef LUNALLOC_ARENA_SLAB_H
#define LUNALLOC_ARENA_SLAB_H

#include "base/bits.h"
#include "extent/extent.h"

/* Makes all regions free. The slab is not published yet: no lock is needed. */
void slab_init(extent_t *slab);
/* Takes up to n free regions, the lowest ones, in ascending order; returns how many. If n regions fill exactly a cache
 * line, as in a thread's first refill, it prefers a line of which all regions are free, so that no two threads share
 * it. */
uint32_t slab_pop(extent_t *slab, uint32_t n, void **out) REQUIRES(role_bin);

/* Index of the region that contains ptr, an address within the slab: by reciprocal multiplication (div.h). */
static inline uint32_t
slab_regind(const extent_t *slab, uintptr_t ptr) {
    return div_by(ptr - slab->addr, sc.magic[slab->szind]);
}

/* Ends the process: ptr is inside a region, past the last one, or free already. Hits of a cache do not notice that. */
_Noreturn COLD void slab_reject(const extent_t *slab, const void *ptr);

/* Whether ptr is the address of a region in use. */
static inline bool
slab_lives(const extent_t *slab, const void *ptr) REQUIRES(role_bin) {
    uint32_t i;
    return div_exactly((uintptr_t)ptr - slab->addr, sc.magic[slab->szind], &i) && i < slab->nregs &&
           (slab->free_regs[i / 64] >> (i % 64) & 1) == 0;
}

/* Frees one region. */
static inline void
slab_push(extent_t *slab, const void *ptr) REQUIRES(role_bin) {
    uint32_t i;
    bool whole = div_exactly((uintptr_t)ptr - slab->addr, sc.magic[slab->szind], &i);
    uint64_t bit = UINT64_C(1) << (i % 64);
    if (UNLIKELY(!whole || i >= slab->nregs || (slab->free_regs[i / 64] & bit) != 0)) {
        slab_reject(slab, ptr);
    }
    slab->free_regs[i / 64] |= bit;
    counter_add(&slab->nfree, 1);
}

static inline bool
slab_are_neighbours(const extent_t *slab, const void *a, const void *b) {
    size_t size = sc.size[slab->szind];
    uintptr_t step = (uintptr_t)b - (uintptr_t)a;
    return step == size || step == -size;
}

/* Frees the first two of n pointers, which are neighbours, and those that follow in the same direction without a gap;
 * returns how many. */
uint32_t slab_push_run(extent_t *slab, void *const *ptrs, uint32_t n) REQUIRES(role_bin);

#endif

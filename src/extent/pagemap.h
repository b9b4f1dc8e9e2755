/*
 * pagemap.h -- address -> size class in three loads without a test; address -> descriptor.
 *
 * Two levels, per granule of 2^12 bytes: a static root indexed by addr >> 30, leaves of 2^18 entries made when a region
 * appears. Two kinds of leaf:
 *   classes   two bytes: the bin index (szind + 1) << LG_CACHE_BIN if a pointer here may go to a thread's cache, else
 *             0. Set for every granule of a slab, and for the first granule of a large allocation that caches take.
 *   extents   a pointer to the descriptor: for the first and the last granule of every registered extent, and for
 *             every granule of a slab.
 *
 * The root holds offsets from an all-zero leaf, so that an address that never was ours reads 0 through an untouched
 * root:
 *   class(addr) = zero_leaf[leaf[addr >> 30] + (addr >> 12) % 2^18], in units of the leaf's entries
 * The extents of a root entry lie just before its classes, in one mapping; behind them lies a bit for each granule,
 * which is mappings.h's.
 *
 * Synchronization: entries are written by whoever owns the extent (layout rule, extent.h); leaves are created under
 * RANK_PAGEMAP and never removed. Entries are atomic; the fast path's reads rely on the application's own
 * synchronisation when a pointer passes between threads.
 */
#ifndef LUNALLOC_EXTENT_PAGEMAP_H
#define LUNALLOC_EXTENT_PAGEMAP_H

#include "extent/extent.h"

#define LG_LEAF_SPAN  30
#define LG_LEAF       (LG_LEAF_SPAN - LG_GRANULE)
#define PAGEMAP_ROOTS (1U << (LG_VADDR - LG_LEAF_SPAN))

typedef struct {
    _Atomic uintptr_t leaf[PAGEMAP_ROOTS];     /* Synchronization: written once each, under RANK_PAGEMAP, read at any
                                                  time; wraps: a leaf may lie below the zero leaf. */
    _Atomic uint16_t zero_leaf[1U << LG_LEAF]; /* Synchronization: constant. */
} pagemap_classes_t;

extern pagemap_classes_t pagemap_classes;

/* An entry by its distance from the zero leaf, which it need not be part of: computed as integers, which may wrap. */
ALWAYS_INLINE _Atomic uint16_t *
pagemap_class_at(uintptr_t place) {
    return (_Atomic uint16_t *)((uintptr_t)pagemap_classes.zero_leaf + place * sizeof(uint16_t));
}

/* Where a thread's cache keeps the class of this pointer's allocation; 0 if caches do not take it. ptr must be below
 * 2^47. */
ALWAYS_INLINE size_t
pagemap_bin_offset(const void *ptr) {
    uintptr_t addr = (uintptr_t)ptr;
    size_t place = addr >> LG_GRANULE & ((1U << LG_LEAF) - 1);
    place += relaxed_read(&pagemap_classes.leaf[addr >> LG_LEAF_SPAN]);
    return relaxed_read(pagemap_class_at(place));
}

/* The same as a bin index: szind + 1, or 0. */
static inline uint32_t
pagemap_class(const void *ptr) {
    return (uint32_t)(pagemap_bin_offset(ptr) >> LG_CACHE_BIN);
}

/* Makes sure that [addr, addr + size) has leaves. False without memory. */
bool pagemap_ensure(uintptr_t addr, size_t size);

typedef _Atomic(extent_t *) pagemap_entry_t;

#define PAGEMAP_EXTENTS_BYTES (sizeof(pagemap_entry_t) << LG_LEAF)

/* The leaf of extents that belongs to a leaf of classes. */
static inline pagemap_entry_t *
pagemap_extents_at(uintptr_t classes) {
    return (pagemap_entry_t *)((uintptr_t)pagemap_class_at(classes) - PAGEMAP_EXTENTS_BYTES);
}

/* Behind it, a bit per granule. */
static inline _Atomic uint64_t *
pagemap_bits_at(uintptr_t classes) {
    return (_Atomic uint64_t *)(uintptr_t)pagemap_class_at(classes + ((uintptr_t)1 << LG_LEAF));
}

/* The descriptor registered at this address's granule, or NULL. Any address may be asked. */
static inline extent_t *
pagemap_extent(uintptr_t addr) {
    uintptr_t root = addr >> LG_LEAF_SPAN;
    if (UNLIKELY(root >= PAGEMAP_ROOTS)) {
        return NULL;
    }
    uintptr_t leaf = atomic_get_acquire(&pagemap_classes.leaf[root]);
    return UNLIKELY(leaf == 0)
               ? NULL
               : atomic_get_acquire(&pagemap_extents_at(leaf)[addr >> LG_GRANULE & ((1U << LG_LEAF) - 1)]);
}

/* The first and last granule of [addr, addr + size); e may be NULL. */
void pagemap_set_boundary(uintptr_t addr, size_t size, extent_t *e);
/* Every granule of a slab, and its class bytes; and the reverse, which leaves the boundary registered. */
void pagemap_set_slab(extent_t *e, uint8_t bin_index);
void pagemap_clear_slab(const extent_t *e);
/* The class byte of an address's granule; 0 for none. */
void pagemap_set_class(uintptr_t addr, uint8_t bin_index);

/* For its figures. */
lock_t *pagemap_mutex(void);

void pagemap_prefork(void);
void pagemap_postfork(bool child);

#endif

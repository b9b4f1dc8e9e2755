/*
 * pagemap.h -- the page map: address -> size class in three loads without a branch; address -> descriptor.
 *
 * free() looks up the class, slow paths look up the descriptor, and merging finds an extent's neighbours.
 *
 * Two levels, per granule of 2^12 bytes: a static root indexed by addr >> 30, and leaves of 2^18 entries, which are
 * made when a region is mapped. Two kinds of leaf:
 *   classes   two bytes: the bin index (szind + 1) << LG_CACHE_BIN if a pointer here may enter a thread's cache, else
 *             0. Set for every granule of a slab, and for the first granule of a large allocation that caches take.
 *   extents   a pointer to the descriptor: for the first and the last granule of every extent, and for every granule
 *             of a slab.
 *
 * The root has offsets from an all-zero leaf, in entries. So an address that never was in a region reads class 0
 * through a root entry of 0:
 *   class(addr) = zero_leaf[leaf[addr >> 30] + (addr >> 12) % 2^18]
 * One mapping has both leaves of a root entry, and a bit per granule, which is used by mappings.h:
 *
 *   | extents: 2^18 pointers | classes: 2^18 x 2 bytes | 2^18 bits |
 *                            ^ leaf[root]
 *
 * Synchronization: entries are atomic, and written by the owner of the extent (layout rule, extent.h). Leaves are made
 * under RANK_PAGEMAP and never removed. The fast path's reads rely on the application's own synchronisation when a
 * pointer passes between threads.
 */
#ifndef LUNALLOC_EXTENT_PAGEMAP_H
#define LUNALLOC_EXTENT_PAGEMAP_H

#include "extent/extent.h"

#define LG_LEAF_SPAN  30
#define LG_LEAF       (LG_LEAF_SPAN - LG_GRANULE)
#define PAGEMAP_ROOTS (1U << (LG_VADDR - LG_LEAF_SPAN))

typedef struct {
    _Atomic uintptr_t leaf[PAGEMAP_ROOTS];     /* Synchronization: written once each, under RANK_PAGEMAP, read at any
                                                  time; wraps: a leaf may be below the zero leaf. */
    _Atomic uint16_t zero_leaf[1U << LG_LEAF]; /* Synchronization: constant. */
} pagemap_classes_t;

extern pagemap_classes_t pagemap_classes;

/* The entry at a distance from the zero leaf, which it need not be part of: computed with integers, which may wrap. */
ALWAYS_INLINE _Atomic uint16_t *
pagemap_class_at(uintptr_t place) {
    return (_Atomic uint16_t *)((uintptr_t)pagemap_classes.zero_leaf + place * sizeof(uint16_t));
}

/* The offset of this pointer's bin in a thread's cache; 0 if caches do not take it. ptr must be below 2^47. */
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

/* Makes the leaves of [addr, addr + size). False: out of memory. */
bool pagemap_ensure(uintptr_t addr, size_t size);

typedef _Atomic(extent_t *) pagemap_entry_t;

#define PAGEMAP_EXTENTS_BYTES (sizeof(pagemap_entry_t) << LG_LEAF)

/* The leaf of extents beside a leaf of classes. */
static inline pagemap_entry_t *
pagemap_extents_at(uintptr_t classes) {
    return (pagemap_entry_t *)((uintptr_t)pagemap_class_at(classes) - PAGEMAP_EXTENTS_BYTES);
}

/* The bits after it, one per granule. */
static inline _Atomic uint64_t *
pagemap_bits_at(uintptr_t classes) {
    return (_Atomic uint64_t *)(uintptr_t)pagemap_class_at(classes + ((uintptr_t)1 << LG_LEAF));
}

/* The descriptor in the entry of this address's granule, or NULL. For any address. */
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

/* Sets the entries of the first and the last granule of [addr, addr + size); e may be NULL. */
void pagemap_set_boundary(uintptr_t addr, size_t size, extent_t *e);
/* Sets both entries of every granule of a slab; and clears them again, but for the descriptor of its first and last
 * granule. */
void pagemap_set_slab(extent_t *e, uint8_t bin_index);
void pagemap_clear_slab(const extent_t *e);
/* Sets the class of an address's granule; 0: none. */
void pagemap_set_class(uintptr_t addr, uint8_t bin_index);

/* The lock, for its counters. */
lock_t *pagemap_mutex(void);

void pagemap_prefork(void);
void pagemap_postfork(bool child);

#endif

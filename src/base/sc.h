/*
 * sc.h -- size classes: which size a request is rounded up to, and how large the slabs of each class are. Use it to go
 * from a request to its class and back; nothing else knows the rule. Computed at boot from page size, quantum and group
 * count.
 *
 *   tiny       8, 16, ... doubling below the quantum
 *   linear     quantum * (1 .. 2^lg_ngroup)
 *   geometric  2^g + n * 2^(g - lg_ngroup), n = 1 .. 2^lg_ngroup, for each doubling g
 *
 * A class below page << lg_ngroup is *small*: its allocations are regions of slabs. The others are *large*: each
 * allocation is an extent of its own. `szind` is a class's index in ascending size. A *bin index* is szind + 1, so that
 * 0 can stand for "none" in the page map and in the lookup table.
 *
 * After sc_boot everything here is constant, except the sizes of new slabs (atomic, relaxed). bin_offset is also read
 * before: a thread's first call may find it partly filled, and takes the slow path whatever it reads.
 */
#ifndef LUNALLOC_BASE_SC_H
#define LUNALLOC_BASE_SC_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/config.h"

#define SC_MAX_SIZES 256
#define SC_MAX_SMALL 64
/* Requests up to this size find their class by one table load. */
#define SC_LOOKUP_MAX  4096
#define SC_LG_TINY_MIN 3
/* Larger requests cannot succeed. */
#define SC_LARGE_MAX (UINT64_C(1) << 46)
/* "No class". */
#define SC_NONE UINT32_MAX

typedef struct {
    /* Synchronization: these fields of `sc` are constant after boot. */
    unsigned lg_page;    /* 12 .. 16 */
    unsigned lg_quantum; /* 3 or 4 */
    unsigned lg_ngroup;  /* 2: four classes per doubling */
} sc_config_t;

typedef struct {
    /* Synchronization: written by boot, read by any thread even before: these fields. */
    _Atomic uint16_t bin_offset[SC_LOOKUP_MAX / 8 + 1]; /* bin index << LG_CACHE_BIN of a request, by (size + 7) / 8 */

    /* Synchronization: constant after boot: these fields. */
    sc_config_t config;
    uint32_t ntiny;
    uint32_t nsmall;
    uint32_t nsizes;
    uint32_t max_regs; /* most regions that a slab may hold: bounds the descriptor's bitmap */
    size_t page;
    size_t small_max; /* largest small size */
    size_t size[SC_MAX_SIZES];
    uint64_t magic[SC_MAX_SMALL]; /* div_magic(size), for small classes */

    _Atomic uint32_t slab_size[SC_MAX_SMALL]; /* Synchronization: any thread writes and reads; bytes of new slabs. */
} sc_t;

extern sc_t sc;

/* Fills `sc`. Not thread-safe: called by boot, and by tests to try other configurations. */
void sc_boot(sc_config_t config);
/* Class of a request of 1 .. SC_LARGE_MAX bytes (0 counts as 1). */
uint32_t sc_index_compute(size_t size);
/* size = 2^lg_group + ndelta * 2^lg_delta. */
void sc_decompose(uint32_t szind, uint32_t *lg_group, uint32_t *lg_delta, uint32_t *ndelta);
/* Sets the size of new slabs of a class, in bytes. False if that is not a multiple of the page, or holds no region or
 * too many. */
bool sc_set_slab_size(uint32_t szind, size_t slab_size);
/* The nearest slab size that a class may have. */
size_t sc_nearest_slab_size(uint32_t szind, size_t slab_size);

/* Offset of the bin for a request of up to SC_LOOKUP_MAX bytes within a thread's cache (thread/cache_bin.h). */
ALWAYS_INLINE size_t
sc_bin_offset(size_t size) {
    return relaxed_read(&sc.bin_offset[(size + 7) >> 3]);
}

/* The class of a size beyond the linear classes. */
static inline uint32_t
sc_index_geometric(size_t size) {
    unsigned lg = lg_floor(size - 1), g = sc.config.lg_ngroup;
    return sc.ntiny + ((lg - sc.config.lg_quantum - g) << g) + (uint32_t)((size - 1) >> (lg - g));
}

static inline uint32_t
sc_index(size_t size) {
    return LIKELY(size <= SC_LOOKUP_MAX) ? (uint32_t)(sc_bin_offset(size) >> LG_CACHE_BIN) - 1 : sc_index_compute(size);
}

static inline size_t
sc_size(uint32_t szind) {
    return sc.size[szind];
}

static inline bool
sc_is_small(uint32_t szind) {
    return szind < sc.nsmall;
}

/*
 * Class of a request with an alignment, a power of two; SC_NONE if it is too large. *place is the alignment that the
 * caller must give the allocation's address.
 *
 * Up to a page: the class of the size rounded up to the alignment, and *place is 1. Its regions are aligned anyway,
 * because slabs start at pages, and the spacing of the classes there is a multiple or a divisor of the alignment.
 * Beyond a page: a large class, and *place is the alignment.
 */
uint32_t sc_index_aligned(size_t size, size_t alignment, size_t *place);

/* Usable size of a request, 0 if it is too large. */
static inline size_t
sc_round(size_t size) {
    return size <= SC_LARGE_MAX ? sc.size[sc_index(size)] : 0;
}

static inline uint32_t
sc_nregs(uint32_t szind, size_t slab_size) {
    return (uint32_t)(slab_size / sc.size[szind]);
}

/* Page classes, by which free extents are sorted: one for each of 1, 2, 3 pages, then 2^lg_ngroup for each doubling. */
#define SC_NPAGE_CLASSES 160

/* The largest page class of at most npages pages; npages > 0. Up to 2^(g + 1) pages each number is a class, index
 * npages - 1. Beyond, each doubling has 2^g classes, and the page count shifted right gives the place within the
 * doubling. */
static inline uint32_t
sc_page_class_floor(size_t npages) {
    unsigned lg = lg_floor(npages);
    unsigned g = sc.config.lg_ngroup;
    return lg <= g ? (uint32_t)npages - 1 : (uint32_t)(((lg - g) << g) + (npages >> (lg - g)) - 1);
}

/* The smallest page class of at least npages pages; npages > 0. */
static inline uint32_t
sc_page_class_ceil(size_t npages) {
    return npages == 1 ? 0 : sc_page_class_floor(npages - 1) + 1;
}

/* The smallest number of pages in a class. */
size_t sc_page_class_npages(uint32_t class);

#endif

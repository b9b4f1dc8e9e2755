/*
 * page_alloc.h -- allocates and frees runs of pages for one arena: slabs, and large allocations.
 *
 * The contract of the page layer for the arena layer. An extent (extent.h) is allocated, may be shrunk or grown
 * (resize.h), and is freed. Counters, settings and locks are in page_state.h, huge pages in hugepage.h; how pages are
 * given back to the system is in purge.h.
 *
 *                 alloc                    dalloc
 *   dirty   ------------------> active ------------> dirty
 *   muzzy   ------------------>                        | purge (lazily, if muzzy_decay_ms is not 0)
 *   retained ----------------->                      muzzy
 *   system  -- new region ---->                        | purge
 *                                                    retained  (only the address range is kept)
 *
 * An allocation takes the best fit from the first collection that has one, cuts off what it does not need and leaves
 * that in the collection. If dirty and muzzy pages have no fit:
 *   a large one takes retained pages, and the memory of dirty extents that are too small is moved there (remap.h);
 *   a slab, in an arena that grows, takes a part of many retained pages that are made resident together (prefault.h);
 *   any other takes a dirty extent together with the free pages beside it (pa_coalesce_across in coalesce.h),
 *   then retained pages, then a new region (region.h).
 * Fresh pages that would raise the arena's peak are paid for with idle dirty ones (trim_to_peak.h).
 *
 * A free extent merges with free neighbours of the same collection, the same committed-ness and the same region. The
 * first extent of a region, its head, never merges leftward.
 *
 * Thread-safe. On entry no lock of the core is held. No lock is held while the system maps, commits or purges pages, or
 * while a hook runs: the extents concerned are busy meanwhile.
 */
#ifndef LUNALLOC_EXTENT_PAGE_ALLOC_H
#define LUNALLOC_EXTENT_PAGE_ALLOC_H

#include "extent/page_state.h"

/* What to allocate. */
typedef struct {
    size_t size;      /* bytes, a multiple of the page */
    size_t alignment; /* a power of two >= the page */
    uint32_t szind;   /* of the extent */
    bool slab;        /* of the extent */
    bool zeroed;      /* before: zeros are wanted, so that fresh pages are best; after: the extent reads as zeros */
} pa_request_t;

/* Returns an active extent of exactly that size and class; NULL: out of memory. */
extent_t *pa_alloc(page_alloc_t *pa, pa_request_t *request);
/* The same, for a large allocation, from dirty pages alone. NULL if none fit, or if the arena makes guard pages. */
extent_t *pa_reuse(page_alloc_t *pa, pa_request_t *request);
/* The same, for resize.c, of pages that are not resident, and without a guard page. */
extent_t *pa_alloc_untouched(page_alloc_t *pa, pa_request_t *request);

/* Frees what pa_alloc returned. The caller has cleared its class, and the interior of a slab, from the page map. */
void pa_dalloc(page_alloc_t *pa, extent_t *e);
/* The same for all extents of a list, which is empty then: the lock is taken once for several. */
void pa_dalloc_list(page_alloc_t *pa, list_t *freed);
/* Frees the end of e, so that `size` bytes are left, and sets the szind. False: nothing changed. */
bool pa_shrink(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind);

/* Gives every region back, for good. Every extent is free, and no other thread uses the arena. */
void pa_release_all(page_alloc_t *pa);

#endif

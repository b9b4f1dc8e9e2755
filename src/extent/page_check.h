/*
 * page_check.h -- the checker of one arena's pages. For tests, and for the checker of arenas (arena_check.c).
 *
 * With the whole layout locked it walks the regions granule by granule, and each collection by age and by size, and
 * compares. It stops the process at the first broken invariant of extent.h, extents.h and page_state.h, but for those
 * that depend on the layers above: some granules of a slab that is being made or deleted may not be in the page map.
 * For debug builds: the time it takes is proportional to the address space.
 */
#ifndef LUNALLOC_EXTENT_PAGE_CHECK_H
#define LUNALLOC_EXTENT_PAGE_CHECK_H

#include "extent/page_state.h"

/* A sum over extents. Two ways of walking over the same extents agree in all three fields. */
typedef struct {
    size_t count;
    size_t npages;
    uint64_t places; /* of the addresses, each of them mixed */
} extents_tally_t;

void extents_count(extents_tally_t *tally, const extent_t *e) REQUIRES(role_extents);
/* Stops the process at the first broken invariant; returns the sum over the members. For debug builds. */
extents_tally_t extents_check(extents_t *x) REQUIRES(role_extents);
void extents_check_same(const extents_tally_t *a, const extents_tally_t *b);

void pa_check(page_alloc_t *pa) EXCLUDES(role_extents);
/* The same with the layout locked, so that the caller may look at more of the same picture. */
void pa_check_locked(page_alloc_t *pa) REQUIRES(role_extents);

#endif

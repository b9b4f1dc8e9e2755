/*
 * dirty_limits.h -- what bounds an arena's dirty pages at once, apart from the decay curve. The thread that frees pages
 * purges what is beyond the bounds:
 *
 *   cap              dirty_max bytes. A cap that is exceeded is undercut by 1/8, so that it is not hit again at once
 *   no retain        a setting of arenas that no thread uses any more: no free page is kept, even if decay times are
 * long decay time 0     no dirty page is kept oversize         an extent of `oversize` bytes or more is purged as it is
 * freed
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_DIRTY_LIMITS_H
#define LUNALLOC_EXTENT_DIRTY_LIMITS_H

#include "extent/page_state.h"

/* Call it after pages became dirty, or after a limit was lowered: purges what is beyond the limits, and tells the
 * background thread of the rest. */
void pa_dirtied(page_alloc_t *pa);
/* Purges dirty pages beyond the cap. */
void purge_over_cap(page_alloc_t *pa);
/* Sets no retain. The caller purges the pages that are free already. */
void pa_set_no_retain(page_alloc_t *pa, bool no_retain) EXCLUDES(role_extents);

/* Is an extent of this size purged as it is freed? Not if dirty pages never decay, nor if the arena is hugepage-aware.
 * A setting of 0 wraps to the largest number. */
static inline bool
pa_is_oversize(page_alloc_t *pa, size_t size) {
    bool large = atomic_get(&pa->oversize) - 1 < size;
    return large && atomic_get(&pa->dirty.decay_ms) >= 0 && pa_hugepage_size(pa) == 0;
}

#endif

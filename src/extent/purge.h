/*
 * purge.h -- purging: free pages are given back to the system, dirty -> muzzy -> retained. This is the mechanism;
 * policies decide what is purged, and when:
 *
 *   decay_pass.h     what a decay curve does not allow any more
 *   dirty_limits.h   dirty pages beyond a cap; all pages of a no-retain arena; oversize extents as they are freed
 *   trim_to_peak.h   idle dirty pages, instead of a higher peak
 *   purger.h         when the background thread has to run a decay pass
 *   pa_purge_all     everything, on request
 *
 * A policy describes its wish as a quota. Purging takes the oldest extents of a stage, in batches of up to 32, makes
 * them busy, and calls the system or the hooks for each, without a lock.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_PURGE_H
#define LUNALLOC_EXTENT_PURGE_H

#include "extent/page_state.h"

/* Purges every dirty and muzzy page. */
void pa_purge_all(page_alloc_t *pa);
/* Purges an extent, the caller's, as it is freed, instead of making it dirty. */
void pa_purge_freed(page_alloc_t *pa, extent_t *e) EXCLUDES(role_extents);

/* How many pages of a stage may be purged. In a hugepage-aware arena it is rounded up to whole huge pages. */
typedef struct {
    size_t keep;   /* pages that stay */
    size_t budget; /* the most that is purged: pages that entered after the decision are not */
    size_t least;  /* fewer are not purged, unless keep is 0 */
    uint64_t idle; /* only extents of a higher age (extents_age) */
    bool all;      /* parts of huge pages, too, and none is purged lazily */
    bool due;      /* the quota is that of the decay curve */
    uint64_t now;  /* if due: at this time */
} purge_quota_t;

/* Purges by a quota. One that is due is read from the curve again after each batch, since the decay time may change. */
void purge_by_quota(page_alloc_t *pa, stage_t *stage, purge_quota_t quota) EXCLUDES(role_extents, role_decay);
/* Purges what the curve of the stage does not allow at `now`. */
void purge_due(page_alloc_t *pa, stage_t *stage, uint64_t now) EXCLUDES(role_extents, role_decay);
/* Purges down to that many pages, whatever their age. */
void purge_down_to(page_alloc_t *pa, stage_t *stage, size_t keep) EXCLUDES(role_extents, role_decay);

#endif

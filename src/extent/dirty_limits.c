/* dirty_limits.c -- the cap, no retain, and a decay time of 0. */
#include "extent/dirty_limits.h"

#include "base/witness.h"
#include "extent/purge.h"
#include "extent/purger.h"
#include "os/clock.h"

#define CAP_SLACK 8

/* Dirty pages that the cap allows. */
static size_t
cap_pages(page_alloc_t *pa) {
    int64_t max = atomic_get(&pa->dirty_max);
    return max < 0 ? SIZE_MAX : (size_t)max >> sc.config.lg_page;
}

void
purge_over_cap(page_alloc_t *pa) {
    size_t cap = cap_pages(pa);
    if (UNLIKELY(extents_purgeable(&pa->dirty.extents) > cap)) {
        purge_down_to(pa, &pa->dirty, cap - cap / CAP_SLACK);
    }
}

/* With the first dirty pages of the arena's life, pages begin to age. */
static void
note_time(page_alloc_t *pa) EXCLUDES(role_decay) {
    bool first = atomic_get(&pa->dirty.entered_at) == 0;
    atomic_set(&pa->dirty.entered_at, clock_coarse_ns());
    if (UNLIKELY(first)) {
        pa_lock_decay(pa);
        pa_update_deadline(pa);
        pa_unlock_decay(pa);
    }
}

void
pa_dirtied(page_alloc_t *pa) {
    witness_no_core_lock();
    note_time(pa);
    if (UNLIKELY(atomic_get(&pa->no_retain))) {
        pa_purge_all(pa);
    } else if (UNLIKELY(atomic_get(&pa->dirty.decay_ms) == 0)) {
        purge_down_to(pa, &pa->dirty, 0);
    } else {
        purge_over_cap(pa);
    }
    pa_purger_note_pages(pa);
}

/* Under the lock: pages that became dirty before are purged by the caller; a thread that makes pages dirty afterwards
 * sees the setting. */
void
pa_set_no_retain(page_alloc_t *pa, bool no_retain) {
    witness_no_core_lock();
    extents_lock(&pa->dirty.extents);
    atomic_set(&pa->no_retain, no_retain);
    extents_unlock(&pa->dirty.extents);
}

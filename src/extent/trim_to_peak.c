/* trim_to_peak.c -- purges idle dirty pages when the resident ones would reach a new peak. */
#include "extent/trim_to_peak.h"

#include "base/witness.h"
#include "extent/purge.h"

/* An extent is idle if as many have entered after it as there are dirty ones, and this many more. */
#define IDLE_EXTENTS 16

void
pa_trim_to_peak(page_alloc_t *pa) {
    witness_no_core_lock();
    if (!pa_exceeds_peak(pa)) {
        return;
    }
    size_t peak = atomic_get(&pa->peak);
    size_t now = pa_resident_pages(pa);
    if (atomic_get(&pa->dirty.decay_ms) >= 0 && extents_purgeable(&pa->dirty.extents) > 0) {
        uint64_t idle = IDLE_EXTENTS + atomic_get(&pa->dirty.extents.count);
        purge_by_quota(pa, &pa->dirty, (purge_quota_t){.budget = now - peak, .least = 1, .idle = idle});
        now = pa_resident_pages(pa);
    }
    atomic_set(&pa->peak, now > peak ? now : peak);
}

/* purge.c -- takes the oldest extents of a stage by a quota, and gives their pages back. */
#include "extent/purge.h"

#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/region_release.h"

/* Extents that are taken out of a stage together. */
#define BATCH 32

/* ---- what to take ------------------------------------------------------------------------------------------------ */

/* Pages that the quota still allows to take. */
static size_t
pages_to_take(const extents_t *x, const purge_quota_t *quota) {
    size_t npages = quota->all ? atomic_get(&x->npages) : extents_purgeable(x);
    size_t over = npages > quota->keep ? npages - quota->keep : 0;
    over = over < quota->budget ? over : quota->budget;
    if (quota->keep > 0 && over < quota->least) {
        return 0;
    }
    size_t hugepage = quota->all ? 0 : extents_hugepage_pages(x);
    return LIKELY(hugepage == 0) ? over : align_up(over, hugepage);
}

/* Cuts `size` bytes that end at `end` out of busy e. The rest stays in x, and as old as it was. If no
 * descriptor can be allocated, more than `size` is cut out. */
static extent_t *
purge_cut_out(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t end, size_t size) REQUIRES(role_extents) {
    if (extent_end(e) > end) {
        extent_t *rest = pa_split(pa, x, e, end - e->addr);
        if (rest == NULL) {
            return e;
        }
        extents_insert_oldest(x, rest);
    }
    extent_t *tail = e->size > size ? pa_split(pa, x, e, e->size - size) : NULL;
    if (tail == NULL) {
        return e;
    }
    extents_insert_oldest(x, e);
    return tail;
}

/* Takes the oldest extent, busy: `most` pages at the end of its purgeable part, or all of that. */
static extent_t *
take_oldest(page_alloc_t *pa, extents_t *x, size_t most, bool all) REQUIRES(role_extents) {
    extent_t *e = extents_oldest(x);
    e = UNLIKELY(e == NULL) ? extents_oldest_partial(x) : e;
    extents_remove(x, e);
    size_t npages = all ? extent_npages(e) : extents_whole(x, e);
    size_t hugepage = atomic_get(&x->hugepage);
    size_t unit = all || hugepage == 0 ? sc.page : hugepage;
    return purge_cut_out(pa, x, e, align_down(extent_end(e), unit), (npages < most ? npages : most) * sc.page);
}

/* Has the oldest extent of the stage lain idle for as long as the quota demands? */
static bool
is_idle(const extents_t *x, const extent_t *oldest, const purge_quota_t *quota) REQUIRES(role_extents) {
    return LIKELY(quota->idle == 0) || (oldest != NULL && extents_age(x, oldest) > quota->idle);
}

/* Takes up to BATCH extents and charges the quota. Returns how many. */
static unsigned
take_batch(page_alloc_t *pa, extents_t *x, purge_quota_t *quota, extent_t **batch) {
    unsigned n = 0;
    size_t most;
    extents_lock(x);
    while (n < BATCH && (most = pages_to_take(x, quota)) > 0 && is_idle(x, extents_oldest(x), quota)) {
        batch[n] = take_oldest(pa, x, most, quota->all);
        size_t npages = extent_npages(batch[n++]);
        quota->budget -= npages < quota->budget ? npages : quota->budget;
    }
    extents_unlock(x);
    return n;
}

/* ---- giving pages back ------------------------------------------------------------------------------------------- */

/* What became of purged pages. */
typedef enum {
    purged_lazily,
    purged_forced,
    purged_decommitted,
    purge_refused
} purge_result_t;

/* Tries the ways of giving pages back, from the cheapest on: lazily if allowed, forced, decommit. */
static purge_result_t
purge_pages(page_alloc_t *pa, const extent_t *e, bool lazily) {
    extent_hooks_t *hooks = pa_hooks(pa);
    void *addr = (void *)e->addr;
    if (lazily && hook_purge_lazy(hooks, addr, e->size, pa->arena)) {
        return purged_lazily;
    }
    if (hook_purge_forced(hooks, addr, e->size, pa->arena)) {
        return purged_forced;
    }
    return hook_decommit(hooks, addr, e->size, pa->arena) ? purged_decommitted : purge_refused;
}

/* Purges a busy extent of the stage and moves it to the next one, or to the retained ones. */
static void
purge_extent(page_alloc_t *pa, stage_t *stage, extent_t *e, bool lazily) {
    purge_result_t result = purge_pages(pa, e, lazily);
    bool for_good = result == purged_forced || result == purged_decommitted;
    atomic_add(&stage->purges.ncalls, 1);
    atomic_add(&stage->purges.npages, result == purge_refused ? 0 : extent_npages(e));
    if (for_good) {
        atomic_add(&pa->purged_bytes, e->size);
    }
    extents_t *to = result == purged_lazily ? &stage->next->extents : &pa->retained;
    pa_put(pa, to, e, result != purged_decommitted, for_good);
}

/* Pages may be muzzy first, unless all are to go. */
static bool
may_purge_lazily(const stage_t *stage, const purge_quota_t *quota) {
    return stage->next != NULL && !quota->all && atomic_get(&stage->next->decay_ms) != 0;
}

/* Tells the curve of pages that were taken to be purged, rather than reused. */
static void
tell_curve(page_alloc_t *pa, stage_t *stage, extent_t *const *batch, unsigned n) EXCLUDES(role_decay) {
    size_t npages = 0;
    for (unsigned i = 0; i < n; i++) {
        npages += extents_whole(&stage->extents, batch[i]);
    }
    pa_lock_decay(pa);
    decay_purged(&stage->decay, npages);
    pa_unlock_decay(pa);
}

/* Purges at most a batch of extents. False: the quota allows none. */
static bool
purge_batch(page_alloc_t *pa, stage_t *stage, purge_quota_t *quota) {
    extent_t *batch[BATCH];
    unsigned n = take_batch(pa, &stage->extents, quota, batch);
    if (n == 0) {
        return false;
    }
    bool lazily = may_purge_lazily(stage, quota);
    tell_curve(pa, stage, batch, n);
    for (unsigned i = 0; i < n; i++) {
        purge_extent(pa, stage, batch[i], lazily);
    }
    return true;
}

/* ---- by a quota -------------------------------------------------------------------------------------------------- */

/* What the curve does not allow at `now`, up to a budget. */
static purge_quota_t
quota_due(page_alloc_t *pa, stage_t *stage, uint64_t now, size_t budget) EXCLUDES(role_decay) {
    pa_lock_decay(pa);
    size_t keep = stage_advance(stage, now);
    size_t over = stage_excess(stage, keep);
    pa_update_deadline(pa);
    pa_unlock_decay(pa);
    return (purge_quota_t){
        .keep = keep,
        .budget = over < budget ? over : budget,
        .least = stage_least_pages(stage),
        .due = true,
        .now = now,
    };
}

void
purge_by_quota(page_alloc_t *pa, stage_t *stage, purge_quota_t quota) {
    bool any = false;
    while (purge_batch(pa, stage, &quota)) {
        any = true;
        if (quota.due) {
            quota = quota_due(pa, stage, quota.now, quota.budget);
        }
    }
    atomic_add(&stage->purges.npasses, any);
    if (any) {
        pa_note_retained(pa);
    }
}

void
purge_due(page_alloc_t *pa, stage_t *stage, uint64_t now) {
    purge_by_quota(pa, stage, quota_due(pa, stage, now, SIZE_MAX));
}

/* Pages that enter meanwhile stay: the threads that free them purge them. */
void
purge_down_to(page_alloc_t *pa, stage_t *stage, size_t keep) {
    purge_quota_t quota = {.keep = keep, .budget = extents_purgeable(&stage->extents), .least = 1};
    purge_by_quota(pa, stage, quota);
}

/* Purges all pages of a stage, those of partly used huge pages included. */
static void
purge_to_last_page(page_alloc_t *pa, stage_t *stage) {
    purge_quota_t quota = {.keep = 0, .budget = atomic_get(&stage->extents.npages), .least = 1, .all = true};
    purge_by_quota(pa, stage, quota);
}

void
pa_purge_all(page_alloc_t *pa) {
    witness_no_core_lock();
    purge_to_last_page(pa, &pa->dirty);
    purge_to_last_page(pa, &pa->muzzy);
}

/* Busy first, so that other threads see that the extent has left its arena's bins or caches. */
void
pa_purge_freed(page_alloc_t *pa, extent_t *e) {
    witness_no_core_lock();
    extents_lock(&pa->dirty.extents);
    extent_set_busy(e);
    extents_unlock(&pa->dirty.extents);
    purge_extent(pa, &pa->dirty, e, false);
    atomic_add(&pa->dirty.purges.npasses, 1);
    pa_note_retained(pa);
}

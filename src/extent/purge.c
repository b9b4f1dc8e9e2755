/* purge.c -- decay and purging: dirty -> muzzy -> retained. Part of page_alloc.h's contract. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "os/clock.h"

/* Extents that one pass takes out of a collection together. */
#define BATCH 32
/* Less than this is not worth a system call, unless nothing at all may stay. */
#define LEAST_PAGES 16
/* A cap that was hit is undercut by 1/8, so that it is not hit again at once. */
#define CAP_SLACK 8
/* Fresh pages are paid for when they exceed the peak by 1/32 of it: each payment makes every processor that runs the
 * process forget addresses. */
#define PEAK_SLACK 32
/* An extent is idle if so many came after it, and as many more as there are. */
#define IDLE_EXTENTS 16
/* The purger is woken when there are twice as many decaying pages as when it looked, and this many more. */
#define WAKE_PAGES 1024

const pa_purger_t *_Atomic pa_purger;

void
pa_lock_decay(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_acquire(&pa->decay_lock);
}

void
pa_unlock_decay(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_release(&pa->decay_lock);
}

static bool
try_decay(page_alloc_t *pa) TRY_ACQUIRE(true, role_decay) NO_THREAD_SAFETY {
    return lock_try(&pa->decay_lock);
}

/* What may be taken out of a collection, in pages, of those that may be purged: what is beyond `keep`, yet no more than
 * `budget`, which were there when that was decided; nothing if it is fewer than `least`, unless all may go. With a
 * unit, rounded up to it. Only extents older than `idle` (extents_age). */
typedef struct {
    size_t keep, budget, least;
    uint64_t idle;
    bool all;     /* parts of units, too */
    bool due;     /* it is what the curve says, */
    uint64_t now; /* at this time */
} quota_t;

static size_t
unit_pages(const extents_t *x) {
    return atomic_get(&x->unit) >> sc.config.lg_page;
}

static size_t
excess(const extents_t *x, const quota_t *quota) {
    size_t npages = quota->all ? atomic_get(&x->npages) : extents_purgeable(x);
    size_t over = npages > quota->keep ? npages - quota->keep : 0;
    over = over < quota->budget ? over : quota->budget;
    if (quota->keep > 0 && over < quota->least) {
        return 0;
    }
    size_t unit = quota->all ? 0 : unit_pages(x);
    return LIKELY(unit == 0) ? over : align_up(over, unit);
}

/* Cuts `size` bytes that end at `end` out of busy e; what is left stays in x and stays as old. Without memory for a
 * descriptor it gets more. */
static extent_t *
cut_out(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t end, size_t size) REQUIRES(role_extents) {
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

/* The oldest extent, busy, or as much of the end of what may be purged of it as `most` pages. */
static extent_t *
take_oldest(page_alloc_t *pa, extents_t *x, size_t most, bool all) REQUIRES(role_extents) {
    extent_t *e = extents_oldest(x);
    e = UNLIKELY(e == NULL) ? extents_oldest_partial(x) : e;
    extents_remove(x, e);
    size_t npages = all ? extent_npages(e) : extents_whole(x, e);
    size_t unit = all || atomic_get(&x->unit) == 0 ? sc.page : atomic_get(&x->unit);
    return cut_out(pa, x, e, align_down(extent_end(e), unit), (npages < most ? npages : most) * sc.page);
}

static bool
is_idle(const extents_t *x, const extent_t *oldest, const quota_t *quota) REQUIRES(role_extents) {
    return LIKELY(quota->idle == 0) || (oldest != NULL && extents_age(x, oldest) > quota->idle);
}

/* Takes up to BATCH extents and charges the quota; returns how many. */
static unsigned
take_batch(page_alloc_t *pa, extents_t *x, quota_t *quota, extent_t **batch) {
    unsigned n = 0;
    size_t most;
    extents_lock(x);
    while (n < BATCH && (most = excess(x, quota)) > 0 && is_idle(x, extents_oldest(x), quota)) {
        batch[n] = take_oldest(pa, x, most, quota->all);
        size_t npages = extent_npages(batch[n++]);
        quota->budget -= npages < quota->budget ? npages : quota->budget;
    }
    extents_unlock(x);
    return n;
}

/* What became of purged pages. */
typedef enum {
    purged_lazily,
    purged_forced,
    purged_decommitted,
    purge_refused
} purge_result_t;

static purges_t *
purges_of(page_alloc_t *pa, const extents_t *x) {
    return x == &pa->dirty ? &pa->dirty_purges : &pa->muzzy_purges;
}

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

static void
purge_one(page_alloc_t *pa, const extents_t *from, extent_t *e, bool lazily) {
    purge_result_t result = purge_pages(pa, e, lazily);
    atomic_add(&purges_of(pa, from)->nmadvise, 1);
    atomic_add(&purges_of(pa, from)->npages, result == purge_refused ? 0 : extent_npages(e));
    if (result == purged_forced || result == purged_decommitted) {
        atomic_add(&pa->purged, e->size);
    }
    extents_t *to = result == purged_lazily ? &pa->muzzy : &pa->retained;
    extents_lock(to);
    e->zeroed = result == purged_forced || result == purged_decommitted;
    e->committed = result != purged_decommitted;
    pa_insert(pa, to, e);
    extents_unlock(to);
}

/* Pages may be muzzy first, unless all are to go. */
static bool
purges_lazily(page_alloc_t *pa, const extents_t *x, const quota_t *quota) {
    return x == &pa->dirty && !quota->all && atomic_get(&pa->muzzy_decay_ms) != 0;
}

/* Pages of dirty that the cap allows. */
static size_t
cap_pages(page_alloc_t *pa) {
    int64_t max = atomic_get(&pa->dirty_max);
    return max < 0 ? SIZE_MAX : (size_t)max >> sc.config.lg_page;
}

static void
update_deadline(page_alloc_t *pa) REQUIRES(role_decay) {
    if (atomic_get(&pa->dirtied_at) == 0) {
        atomic_set(&pa->deadline, UINT64_MAX);
        return;
    }
    uint64_t dirty = decay_deadline(&pa->dirty_decay);
    uint64_t muzzy = decay_deadline(&pa->muzzy_decay);
    atomic_set(&pa->deadline, dirty < muzzy ? dirty : muzzy);
}

static decay_t *
decay_of(page_alloc_t *pa, const extents_t *x) REQUIRES(role_decay) {
    return x == &pa->dirty ? &pa->dirty_decay : &pa->muzzy_decay;
}

/* With a unit: half of it, so that rounding up does not run far ahead of the curve. */
static size_t
least_pages(const extents_t *x) {
    size_t half = unit_pages(x) / 2;
    return half > LEAST_PAGES ? half : LEAST_PAGES;
}

/* Moves one collection's curve on; returns what is due. Nobody may have looked for long: the dirty pages that came
 * since are as old as the last of them. */
static quota_t
advance(page_alloc_t *pa, const extents_t *x, uint64_t now) REQUIRES(role_decay) {
    decay_t *decay = decay_of(pa, x);
    uint64_t dirtied_at = x == &pa->dirty ? atomic_get(&pa->dirtied_at) : now;
    if (dirtied_at < now) {
        decay_advance(decay, dirtied_at, extents_purgeable(x));
    }
    decay_advance(decay, now, extents_purgeable(x));
    update_deadline(pa);
    size_t keep = decay_limit(decay);
    return (quota_t){
        .keep = keep,
        .budget = decay->last > keep ? decay->last - keep : 0,
        .least = least_pages(x),
        .due = true,
        .now = now,
    };
}

/* What is due, up to a budget. */
static quota_t
due(page_alloc_t *pa, const extents_t *x, uint64_t now, size_t budget) EXCLUDES(role_decay) {
    pa_lock_decay(pa);
    quota_t quota = advance(pa, x, now);
    pa_unlock_decay(pa);
    quota.budget = quota.budget < budget ? quota.budget : budget;
    return quota;
}

/* The curve need not account for pages that have been taken out to be purged. */
static void
settle(page_alloc_t *pa, const extents_t *x, extent_t *const *batch, unsigned n) EXCLUDES(role_decay) {
    size_t npages = 0;
    for (unsigned i = 0; i < n; i++) {
        npages += extents_whole(x, batch[i]);
    }
    pa_lock_decay(pa);
    decay_purged(decay_of(pa, x), npages);
    pa_unlock_decay(pa);
}

/* Gives back the oldest pages of x, at most a batch of extents. False: nothing may go. */
static bool
purge_batch(page_alloc_t *pa, extents_t *x, quota_t *quota) {
    extent_t *batch[BATCH];
    unsigned n = take_batch(pa, x, quota, batch);
    if (n == 0) {
        return false;
    }
    bool lazily = purges_lazily(pa, x, quota);
    settle(pa, x, batch, n);
    for (unsigned i = 0; i < n; i++) {
        purge_one(pa, x, batch[i], lazily);
    }
    return true;
}

void
pa_note_retained(page_alloc_t *pa) {
    witness_no_core_lock();
    const extent_hooks_t *hooks = pa_hooks(pa);
    if (UNLIKELY(hooks == NULL ? !options.retain : hooks->dalloc != NULL)) {
        pa_offer_unused(pa);
    }
}

/* The curve is read anew for each batch, since its time may change meanwhile. */
static void
purge_quota(page_alloc_t *pa, extents_t *x, quota_t quota) {
    bool any = false;
    while (purge_batch(pa, x, &quota)) {
        any = true;
        if (quota.due) {
            quota = due(pa, x, quota.now, quota.budget);
        }
    }
    atomic_add(&purges_of(pa, x)->npurges, any);
    if (any) {
        pa_note_retained(pa);
    }
}

/* Busy first: it has left its arena's bins or caches, and others see that. */
void
pa_purge_freed(page_alloc_t *pa, extent_t *e) {
    witness_no_core_lock();
    extents_lock(&pa->dirty);
    e->szind = SC_NONE;
    e->slab = false;
    extent_set_state(e, extent_busy);
    extents_unlock(&pa->dirty);
    purge_one(pa, &pa->dirty, e, false);
    atomic_add(&pa->dirty_purges.npurges, 1);
    pa_note_retained(pa);
}

/* Whatever the ages. What comes meanwhile stays: it is for those who bring it. */
static void
purge_dirty_to(page_alloc_t *pa, size_t keep) {
    quota_t quota = {.keep = keep, .budget = extents_purgeable(&pa->dirty), .least = 1};
    purge_quota(pa, &pa->dirty, quota);
}

/* The same down to nothing, parts of units included. */
static void
purge_to_last_page(page_alloc_t *pa, extents_t *x) {
    quota_t quota = {.keep = 0, .budget = atomic_get(&x->npages), .least = 1, .all = true};
    purge_quota(pa, x, quota);
}

/* What the curve does not allow. */
static void
purge_due(page_alloc_t *pa, extents_t *x, uint64_t now) {
    purge_quota(pa, x, due(pa, x, now, SIZE_MAX));
}

static void
purge_over_cap(page_alloc_t *pa) {
    size_t cap = cap_pages(pa);
    if (UNLIKELY(extents_purgeable(&pa->dirty) > cap)) {
        purge_dirty_to(pa, cap - cap / CAP_SLACK);
    }
}

void
pa_trim_to_peak(page_alloc_t *pa) {
    witness_no_core_lock();
    size_t peak = atomic_get(&pa->peak);
    size_t now = pa_resident_pages(pa);
    if (now < peak + LEAST_PAGES + peak / PEAK_SLACK) {
        return;
    }
    if (atomic_get(&pa->dirty_decay_ms) >= 0 && extents_purgeable(&pa->dirty) > 0) {
        quota_t quota = {.budget = now - peak, .least = 1, .idle = IDLE_EXTENTS + atomic_get(&pa->dirty.count)};
        purge_quota(pa, &pa->dirty, quota);
        now = pa_resident_pages(pa);
    }
    atomic_set(&pa->peak, now > peak ? now : peak);
}

/* Pages that become due by time: where the time is -1 or 0, it is not time that counts. */
static size_t
decaying_pages(page_alloc_t *pa) {
    size_t dirty = atomic_get(&pa->dirty_decay_ms) > 0 ? extents_purgeable(&pa->dirty) : 0;
    size_t muzzy = atomic_get(&pa->muzzy_decay_ms) > 0 ? extents_purgeable(&pa->muzzy) : 0;
    return dirty + muzzy;
}

static void
wake_purger(page_alloc_t *pa) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    if (UNLIKELY(purger != NULL)) {
        purger->wake(pa->arena);
    }
}

/*
 * After pages came. Either this thread's read-modify-write of the wake_threshold comes after the purger's in watch(), and sees
 * the number that it set; or it comes before, and then the purger sees the pages.
 */
static void
wake_beyond_threshold(page_alloc_t *pa) {
    size_t wake_threshold = atomic_fetch_add_explicit(&pa->wake_threshold, 0, memory_order_acq_rel);
    if (decaying_pages(pa) > wake_threshold &&
        atomic_exchange_explicit(&pa->wake_threshold, SIZE_MAX, memory_order_acq_rel) != SIZE_MAX) {
        wake_purger(pa);
    }
}

/* Sets the wake_threshold, and tells when pages will be due. */
static uint64_t
watch(page_alloc_t *pa, uint64_t now) {
    size_t quiet = 0;
    atomic_exchange_explicit(&pa->wake_threshold, quiet, memory_order_acq_rel);
    pa_lock_decay(pa);
    advance(pa, &pa->dirty, now);
    advance(pa, &pa->muzzy, now);
    uint64_t dirty = decay_due(&pa->dirty_decay, least_pages(&pa->dirty));
    uint64_t muzzy = decay_due(&pa->muzzy_decay, least_pages(&pa->muzzy));
    size_t npages = decaying_pages(pa);
    pa_unlock_decay(pa);
    uint64_t due = dirty < muzzy ? dirty : muzzy;
    if (due != UINT64_MAX) {
        atomic_compare_exchange_strong_explicit(&pa->wake_threshold, &quiet, 2 * npages + WAKE_PAGES,
                                                memory_order_acq_rel, memory_order_relaxed);
    }
    return due;
}

/* Dirty first: what it makes muzzy is young there. */
static void
decay(page_alloc_t *pa, uint64_t now) {
    purge_due(pa, &pa->dirty, now);
    purge_over_cap(pa);
    purge_due(pa, &pa->muzzy, now);
}

static bool
purger_runs(void) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    return UNLIKELY(purger != NULL) && purger->runs();
}

void
pa_tick(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    if (now < atomic_get(&pa->deadline) || !try_decay(pa)) {
        return;
    }
    advance(pa, &pa->dirty, now);
    advance(pa, &pa->muzzy, now);
    pa_unlock_decay(pa);
    if (!purger_runs()) {
        decay(pa, now);
    }
}

/* What has become muzzy may be due before the purger comes. */
void
pa_decay(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    decay(pa, now);
    wake_purger(pa);
}

uint64_t
pa_background(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    decay(pa, now);
    return watch(pa, now);
}

void
pa_purge_all(page_alloc_t *pa) {
    witness_no_core_lock();
    purge_to_last_page(pa, &pa->dirty);
    purge_to_last_page(pa, &pa->muzzy);
}

/* Under the lock, so that pages that come before are there for who purges next, and who brings some later sees it. */
void
pa_set_no_retain(page_alloc_t *pa, bool no_retain) {
    witness_no_core_lock();
    extents_lock(&pa->dirty);
    atomic_set(&pa->no_retain, no_retain);
    extents_unlock(&pa->dirty);
}

/* The first time, pages begin to age: those that do not stay dirty may be muzzy next. */
static void
note_dirtied(page_alloc_t *pa) EXCLUDES(role_decay) {
    bool first = atomic_get(&pa->dirtied_at) == 0;
    atomic_set(&pa->dirtied_at, clock_coarse_ns());
    if (UNLIKELY(first)) {
        pa_lock_decay(pa);
        update_deadline(pa);
        pa_unlock_decay(pa);
    }
}

void
pa_dirtied(page_alloc_t *pa) {
    witness_no_core_lock();
    note_dirtied(pa);
    if (UNLIKELY(atomic_get(&pa->no_retain))) {
        pa_purge_all(pa);
    } else if (UNLIKELY(atomic_get(&pa->dirty_decay_ms) == 0)) {
        purge_dirty_to(pa, 0);
    } else {
        purge_over_cap(pa);
    }
    if (UNLIKELY(atomic_get(&pa_purger) != NULL)) {
        wake_beyond_threshold(pa);
    }
}

void
pa_set_decay_ms(page_alloc_t *pa, extent_state_t state, int64_t ms, uint64_t now) {
    witness_no_core_lock();
    bool dirty = state == extent_dirty;
    extents_t *x = dirty ? &pa->dirty : &pa->muzzy;
    pa_lock_decay(pa);
    decay_set(dirty ? &pa->dirty_decay : &pa->muzzy_decay, ms, now, extents_purgeable(x));
    atomic_set(dirty ? &pa->dirty_decay_ms : &pa->muzzy_decay_ms, ms);
    update_deadline(pa);
    pa_unlock_decay(pa);
    decay(pa, now);
    wake_purger(pa);
}

/* Of a copy: looking moves nothing on. */
pa_forecast_t
pa_forecast(page_alloc_t *pa, extent_state_t state, uint64_t now) {
    const extents_t *x = state == extent_dirty ? &pa->dirty : &pa->muzzy;
    pa_lock_decay(pa);
    decay_t decay = *decay_of(pa, x);
    pa_unlock_decay(pa);
    decay_advance(&decay, now, extents_purgeable(x));
    size_t allowed = decay_limit(&decay);
    return (pa_forecast_t){
        .allowed = allowed,
        .over = decay.last > allowed ? decay.last - allowed : 0,
        .due = decay_due(&decay, least_pages(x)),
    };
}

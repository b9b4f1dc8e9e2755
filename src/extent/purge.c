/* purge.c -- decay and purging: dirty -> muzzy -> retained. Part of page_alloc.h's contract. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/witness.h"
#include "os/clock.h"

/* Extents that one pass takes out of a collection together. */
#define BATCH 32
/* Less than this is not worth a system call, unless nothing at all may stay. */
#define LEAST_PAGES 16
/* A cap that was hit is undercut by 1/8, so that it is not hit again at once. */
#define CAP_SLACK 8
/* The purger is woken when there are twice as many decaying pages as when it looked, and this many more. */
#define ALARM_PAGES 1024

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

/* Takes the oldest extents out of x, busy, until `keep` pages are left; the last one is cut so that no more than
 * that goes. */
static unsigned
take_oldest(page_alloc_t *pa, extents_t *x, size_t keep, size_t least, extent_t **batch) {
    unsigned n = 0;
    extents_lock(x);
    while (n < BATCH && atomic_get(&x->npages) > keep) {
        size_t excess = atomic_get(&x->npages) - keep;
        if (keep > 0 && excess < least) {
            break;
        }
        extent_t *e = extents_oldest(x);
        extents_remove(x, e);
        if (extent_npages(e) > excess) {
            extent_t *tail = pa_split(pa, x, e, e->size - excess * sc.page);
            if (tail != NULL) {
                extents_insert_oldest(x, e);
                e = tail;
            }
        }
        batch[n++] = e;
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

static purge_result_t
purge_pages(page_alloc_t *pa, const extent_t *e, bool lazily) {
    extent_hooks_t *hooks = pa_hooks(pa);
    void *addr = (void *)e->addr;
    atomic_add(&pa->nmadvise, 1);
    if (lazily && hook_purge_lazy(hooks, addr, e->size, pa->arena)) {
        return purged_lazily;
    }
    if (hook_purge_forced(hooks, addr, e->size, pa->arena)) {
        return purged_forced;
    }
    return hook_decommit(hooks, addr, e->size, pa->arena) ? purged_decommitted : purge_refused;
}

static void
purge_one(page_alloc_t *pa, extent_t *e, bool lazily) {
    purge_result_t result = purge_pages(pa, e, lazily);
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

/* Gives back the oldest pages of x until `keep`, or fewer than `least` more, are left. True if there were any to
 * give. */
static bool
purge_down_to(page_alloc_t *pa, extents_t *x, size_t keep, size_t least, bool lazily) {
    extent_t *batch[BATCH];
    unsigned n;
    bool any = false;
    while (atomic_get(&x->npages) > keep && (n = take_oldest(pa, x, keep, least, batch)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            purge_one(pa, batch[i], lazily);
        }
        any = true;
    }
    if (any) {
        atomic_add(&pa->npurges, 1);
    }
    return any;
}

static bool
purges_lazily(page_alloc_t *pa) {
    return atomic_get(&pa->muzzy_decay_ms) != 0;
}

/* Pages of dirty that the cap allows. */
static size_t
cap_pages(page_alloc_t *pa) {
    int64_t max = atomic_get(&pa->dirty_max);
    return max < 0 ? SIZE_MAX : (size_t)max >> sc.config.lg_page;
}

static void
update_deadline(page_alloc_t *pa) REQUIRES(role_decay) {
    uint64_t dirty = decay_deadline(&pa->dirty_decay);
    uint64_t muzzy = decay_deadline(&pa->muzzy_decay);
    atomic_set(&pa->deadline, dirty < muzzy ? dirty : muzzy);
}

static decay_t *
decay_of(page_alloc_t *pa, const extents_t *x) REQUIRES(role_decay) {
    return x == &pa->dirty ? &pa->dirty_decay : &pa->muzzy_decay;
}

/* Moves one collection's curve on; returns how many pages may stay. Nobody may have looked for long: the dirty
 * pages that came since are as old as the last of them. */
static size_t
advance(page_alloc_t *pa, const extents_t *x, uint64_t now) REQUIRES(role_decay) {
    decay_t *decay = decay_of(pa, x);
    uint64_t dirtied_at = x == &pa->dirty ? atomic_get(&pa->dirtied_at) : now;
    if (dirtied_at < now) {
        decay_advance(decay, dirtied_at, atomic_get(&x->npages));
    }
    decay_advance(decay, now, atomic_get(&x->npages));
    update_deadline(pa);
    return decay_limit(decay);
}

static void
settle(page_alloc_t *pa, const extents_t *x) EXCLUDES(role_decay) {
    pa_lock_decay(pa);
    decay_purged(decay_of(pa, x), atomic_get(&x->npages));
    pa_unlock_decay(pa);
}

/* Purges dirty pages, without the lock. */
static void
purge_dirty(page_alloc_t *pa, size_t keep, size_t least) {
    if (purge_down_to(pa, &pa->dirty, keep, least, purges_lazily(pa))) {
        settle(pa, &pa->dirty);
    }
}

static void
purge_over_cap(page_alloc_t *pa) {
    size_t cap = cap_pages(pa);
    if (UNLIKELY(atomic_get(&pa->dirty.npages) > cap)) {
        purge_dirty(pa, cap - cap / CAP_SLACK, 1);
    }
}

static void
purge_muzzy(page_alloc_t *pa, size_t keep) {
    if (purge_down_to(pa, &pa->muzzy, keep, LEAST_PAGES, false)) {
        settle(pa, &pa->muzzy);
    }
}

/* Pages that become due by time: where the time is -1 or 0, it is not time that counts. */
static size_t
decaying_pages(page_alloc_t *pa) {
    size_t dirty = atomic_get(&pa->dirty_decay_ms) > 0 ? atomic_get(&pa->dirty.npages) : 0;
    size_t muzzy = atomic_get(&pa->muzzy_decay_ms) > 0 ? atomic_get(&pa->muzzy.npages) : 0;
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
 * After pages came. Either this thread's read-modify-write of the alarm comes after the purger's in watch(), and sees
 * the number that it set; or it comes before, and then the purger sees the pages.
 */
static void
raise_alarm(page_alloc_t *pa) {
    size_t alarm = atomic_fetch_add_explicit(&pa->alarm, 0, memory_order_acq_rel);
    if (decaying_pages(pa) > alarm &&
        atomic_exchange_explicit(&pa->alarm, SIZE_MAX, memory_order_acq_rel) != SIZE_MAX) {
        wake_purger(pa);
    }
}

/* Sets the alarm, and tells when pages will be due. */
static uint64_t
watch(page_alloc_t *pa, uint64_t now) {
    size_t quiet = 0;
    atomic_exchange_explicit(&pa->alarm, quiet, memory_order_acq_rel);
    pa_lock_decay(pa);
    advance(pa, &pa->dirty, now);
    advance(pa, &pa->muzzy, now);
    uint64_t dirty = decay_due(&pa->dirty_decay, LEAST_PAGES);
    uint64_t muzzy = decay_due(&pa->muzzy_decay, LEAST_PAGES);
    size_t npages = decaying_pages(pa);
    pa_unlock_decay(pa);
    uint64_t due = dirty < muzzy ? dirty : muzzy;
    if (due != UINT64_MAX) {
        atomic_compare_exchange_strong_explicit(&pa->alarm, &quiet, 2 * npages + ALARM_PAGES, memory_order_acq_rel,
                                                memory_order_relaxed);
    }
    return due;
}

/* The decay lock is held, and released here; purging runs without it. Dirty first: what it makes muzzy is young
 * there. */
static void
decay_locked(page_alloc_t *pa, uint64_t now) RELEASE(role_decay) {
    size_t keep = advance(pa, &pa->dirty, now);
    pa_unlock_decay(pa);
    purge_dirty(pa, keep, LEAST_PAGES);
    purge_over_cap(pa);
    pa_lock_decay(pa);
    keep = advance(pa, &pa->muzzy, now);
    pa_unlock_decay(pa);
    purge_muzzy(pa, keep);
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
    if (purger_runs()) {
        advance(pa, &pa->dirty, now);
        advance(pa, &pa->muzzy, now);
        pa_unlock_decay(pa);
    } else {
        decay_locked(pa, now);
    }
}

static void
decay(page_alloc_t *pa, uint64_t now) {
    pa_lock_decay(pa);
    decay_locked(pa, now);
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
    purge_down_to(pa, &pa->dirty, 0, 1, false);
    settle(pa, &pa->dirty);
    purge_muzzy(pa, 0);
}

/* Under the lock, so that pages that come before are there for who purges next, and who brings some later sees it. */
void
pa_set_drained(page_alloc_t *pa, bool drained) {
    witness_no_core_lock();
    extents_lock(&pa->dirty);
    atomic_set(&pa->drained, drained);
    extents_unlock(&pa->dirty);
}

void
pa_dirtied(page_alloc_t *pa) {
    witness_no_core_lock();
    if (UNLIKELY(atomic_get(&pa->drained))) {
        pa_purge_all(pa);
    } else if (UNLIKELY(atomic_get(&pa->dirty_decay_ms) == 0)) {
        purge_dirty(pa, 0, 1);
    } else {
        atomic_set(&pa->dirtied_at, clock_coarse_ns());
        purge_over_cap(pa);
    }
    if (UNLIKELY(atomic_get(&pa_purger) != NULL)) {
        raise_alarm(pa);
    }
}

void
pa_set_decay_ms(page_alloc_t *pa, extent_state_t state, int64_t ms, uint64_t now) {
    witness_no_core_lock();
    bool dirty = state == extent_dirty;
    extents_t *x = dirty ? &pa->dirty : &pa->muzzy;
    pa_lock_decay(pa);
    decay_set(dirty ? &pa->dirty_decay : &pa->muzzy_decay, ms, now, atomic_get(&x->npages));
    atomic_set(dirty ? &pa->dirty_decay_ms : &pa->muzzy_decay_ms, ms);
    decay_locked(pa, now);
    wake_purger(pa);
}

/* purger.c -- starts and wakes the background thread. */
#include "extent/purger.h"

/* The wake threshold is twice the pages that decay when the arena is armed, and this many more. */
#define WAKE_PAGES 1024
/* Wake thresholds with a meaning of their own. */
#define ARMING   ((size_t)0)
#define DISARMED SIZE_MAX

const pa_purger_t *_Atomic pa_purger;
_Atomic bool pa_purger_grows;

/* The purger that serves the arena, or NULL. */
static const pa_purger_t *
purger_of(page_alloc_t *pa) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    bool unserved = purger != NULL && UNLIKELY(pa_hooks(pa) != NULL) && !purger->hooks();
    return unserved ? NULL : purger;
}

bool
pa_purger_runs(page_alloc_t *pa) {
    const pa_purger_t *purger = purger_of(pa);
    return purger != NULL && purger->runs();
}

void
pa_purger_grow(page_alloc_t *pa, size_t size) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    size_t bytes = (pa_resident_pages(pa) << sc.config.lg_page) + size;
    if (purger != NULL && bytes >= PURGER_WORTH) {
        purger->grow(bytes);
    }
}

/* Pages that time makes due, of both stages. */
static size_t
decaying_pages(page_alloc_t *pa) {
    return stage_decaying_pages(&pa->dirty) + stage_decaying_pages(&pa->muzzy);
}

/* Are so many pages worth a thread? */
static bool
is_worth(const pa_purger_t *purger, size_t npages) {
    size_t bytes = npages << sc.config.lg_page;
    return bytes >= PURGER_WORTH && (bytes >= PURGER_WORTH_YOUNG || !purger->young());
}

/* A thread that runs is woken anyway; one that does not is started only if that is worthwhile. */
void
pa_purger_wake(page_alloc_t *pa) {
    const pa_purger_t *purger = purger_of(pa);
    if (purger == NULL) {
        return;
    }
    if (purger->runs() || is_worth(purger, decaying_pages(pa))) {
        purger->wake(pa->arena);
    } else {
        pa_purger_rest(pa, 0);
    }
}

/* Does no page that becomes free decay by time? */
static bool
nothing_decays(page_alloc_t *pa) {
    int64_t dirty = atomic_get(&pa->dirty.decay_ms);
    return dirty < 0 || (dirty == 0 && atomic_get(&pa->muzzy.decay_ms) <= 0);
}

/* Sets the threshold, unless another thread has changed it. */
static void
replace_threshold(page_alloc_t *pa, size_t threshold, size_t with) {
    atomic_compare_exchange_strong_explicit(&pa->wake_threshold, &threshold, with, memory_order_acq_rel,
                                            memory_order_relaxed);
}

/* Switched off, unserved, or without decay, the arena is disarmed, until there is a background thread, or decay. */
void
pa_purger_note_excess(page_alloc_t *pa) {
    const pa_purger_t *purger = purger_of(pa);
    size_t threshold = atomic_fetch_add_explicit(&pa->wake_threshold, 0, memory_order_acq_rel);
    size_t npages = decaying_pages(pa);
    if (purger == NULL || nothing_decays(pa)) {
        replace_threshold(pa, threshold, DISARMED);
    } else if (npages <= threshold) {
        return;
    } else if (threshold != ARMING && !purger->runs() && !is_worth(purger, npages)) {
        replace_threshold(pa, threshold, PURGER_WORTH_YOUNG >> sc.config.lg_page);
    } else if (atomic_exchange_explicit(&pa->wake_threshold, DISARMED, memory_order_acq_rel) != DISARMED) {
        purger->wake(pa->arena);
    }
}

/* A thread that notes pages meanwhile disarms the arena; then the threshold is not set. */
uint64_t
pa_purger_arm(page_alloc_t *pa, uint64_t now) {
    atomic_exchange_explicit(&pa->wake_threshold, ARMING, memory_order_seq_cst);
    pa_lock_decay(pa);
    stage_advance(&pa->dirty, now);
    stage_advance(&pa->muzzy, now);
    pa_update_deadline(pa);
    uint64_t dirty = stage_due(&pa->dirty);
    uint64_t muzzy = stage_due(&pa->muzzy);
    size_t npages = decaying_pages(pa);
    pa_unlock_decay(pa);
    uint64_t due = dirty < muzzy ? dirty : muzzy;
    if (due != UINT64_MAX) {
        replace_threshold(pa, ARMING, 2 * npages + WAKE_PAGES);
    }
    return due;
}

bool
pa_purger_rest(page_alloc_t *pa, size_t more) {
    size_t npages = decaying_pages(pa);
    size_t threshold = more == 0 ? PURGER_WORTH >> sc.config.lg_page : npages + (more >> sc.config.lg_page);
    atomic_exchange_explicit(&pa->wake_threshold, threshold, memory_order_seq_cst);
    return decaying_pages(pa) > threshold;
}

/* The threshold of an arena at rest, in a process that is no longer young. */
static size_t
grown_threshold(const page_alloc_t *pa) {
    size_t threshold = atomic_get(&pa->wake_threshold), young = PURGER_WORTH_YOUNG >> sc.config.lg_page;
    return threshold == DISARMED ? 0 : threshold == young ? PURGER_WORTH >> sc.config.lg_page : threshold;
}

void
pa_purger_offer(page_alloc_t *pa, size_t more) {
    const pa_purger_t *purger = purger_of(pa);
    size_t npages = decaying_pages(pa) + (more >> sc.config.lg_page);
    if (purger != NULL && !purger->runs() && is_worth(purger, npages) && npages > grown_threshold(pa)) {
        purger->wake(pa->arena);
    }
}

/* purger.c -- starts and wakes the background thread. */
#include "extent/purger.h"

/* With fewer bytes, a process need not have a second thread: some system calls insist on a single one. */
#define PURGER_WORTH ((size_t)1 << 20)
/* The wake threshold is twice the pages that decay when the arena is armed, and this many more. */
#define WAKE_PAGES 1024
/* Wake thresholds with a meaning of their own. An arena that was never armed has 0 as well. */
#define ARMING   ((size_t)0)
#define DISARMED SIZE_MAX

const pa_purger_t *_Atomic pa_purger;

bool
pa_purger_runs(void) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    return UNLIKELY(purger != NULL) && purger->runs();
}

void
pa_purger_start(page_alloc_t *pa, size_t size) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    if (UNLIKELY(purger != NULL) && (pa_resident_pages(pa) << sc.config.lg_page) + size >= PURGER_WORTH) {
        purger->start();
    }
}

void
pa_purger_wake(page_alloc_t *pa) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    if (UNLIKELY(purger != NULL)) {
        purger->wake(pa->arena);
    }
}

/* Pages that time makes due, of both stages. */
static size_t
decaying_pages(page_alloc_t *pa) {
    return stage_decaying_pages(&pa->dirty) + stage_decaying_pages(&pa->muzzy);
}

/*
 * Either the read-modify-write here is after the one with which pa_purger_arm begins, and this thread sees a threshold
 * of 0 or the one that was set; or it is before, and then pa_purger_arm sees the pages.
 */
void
pa_purger_note_pages(page_alloc_t *pa) {
    size_t threshold = atomic_fetch_add_explicit(&pa->wake_threshold, 0, memory_order_acq_rel);
    if (decaying_pages(pa) > threshold &&
        atomic_exchange_explicit(&pa->wake_threshold, DISARMED, memory_order_acq_rel) != DISARMED) {
        pa_purger_wake(pa);
    }
}

/* A thread that notes pages meanwhile disarms the arena; then the threshold is not set. */
uint64_t
pa_purger_arm(page_alloc_t *pa, uint64_t now) {
    size_t arming = ARMING;
    atomic_exchange_explicit(&pa->wake_threshold, arming, memory_order_acq_rel);
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
        atomic_compare_exchange_strong_explicit(&pa->wake_threshold, &arming, 2 * npages + WAKE_PAGES,
                                                memory_order_acq_rel, memory_order_relaxed);
    }
    return due;
}

/*
 * byte_counters.h -- how many bytes a thread has allocated and freed, and its peak of bytes in use. Use it for
 * per-thread statistics (thread.allocated, thread.peak) and for reports at intervals of bytes (opt.stats_interval).
 *
 * The hot path counts nothing; a reading computes the totals:
 *   allocated = requested from the thread's cache (tcache_count.h) + direct_allocated
 *   freed     = freed into it + direct_freed
 * A reading is exact, and takes half a nanosecond for each class that the thread has used.
 *
 * A thread is *exact* once it has requested the address of a total: from then on each of its calls takes a slow path
 * (thread_see_calls) and adds its size, so that the totals and the peak in memory are exact at every moment. A thread
 * is *tracked* once it has read its peak, and also while reports are due: each slow path updates the totals, at
 * most TCACHE_PERIOD allocations of a class, or a stack of frees, apart. An exact thread is tracked, too.
 *
 * The calling thread's own functions, unless said otherwise.
 */
#ifndef LUNALLOC_THREAD_BYTE_COUNTERS_H
#define LUNALLOC_THREAD_BYTE_COUNTERS_H

#include "base/atomic.h"

typedef struct thread thread_t;

typedef struct {
    /* Synchronization: the owner writes (threads that have ended share one); relaxed: these fields. */
    _Atomic uint64_t direct_allocated; /* bytes of allocations that the thread's cache did not serve */
    _Atomic uint64_t direct_freed;     /* bytes of frees that it did not take */

    /* Synchronization: the owner alone: these fields. */
    uint64_t allocated; /* bytes, as of the last update */
    uint64_t freed;
    uint64_t base;     /* allocated - freed when the peak was reset; wraps */
    uint64_t peak;     /* most of allocated - freed - base at an update; at least 0 */
    uint64_t reported; /* the part of allocated that has been added to the reports' total */
    bool tracked;      /* slow paths update these fields */
    bool exact;        /* tracked, and every call takes a slow path */
} byte_counters_t;

/* ---- totals ---- */

/* Bytes allocated, bytes freed: each updates its total. */
uint64_t byte_counters_allocated(thread_t *thread);
uint64_t byte_counters_freed(thread_t *thread);
/* Updates both totals and the peak. */
void byte_counters_update(thread_t *thread);
/* Tracks the thread from now on. */
void byte_counters_track(thread_t *thread);
/* Makes it exact from now on. False if there is no memory. */
bool byte_counters_make_exact(thread_t *thread);
/* Tracks it, and starts a new peak at the bytes in use now. */
void byte_counters_reset_peak(thread_t *thread);

/* ---- notes of the slow paths ---- */

/* The thread's cache was not involved in these bytes. */
static inline void
byte_counters_add_direct(byte_counters_t *bytes, uint64_t allocated, uint64_t freed) {
    counter_add(&bytes->direct_allocated, allocated);
    counter_add(&bytes->direct_freed, freed);
}

/* A tracked thread has allocated and freed these bytes, and nothing else since the last note if it is exact. */
NOINLINE void byte_counters_note(thread_t *thread, uint64_t allocated, uint64_t freed);
/* Updates the totals of a tracked thread, where more may have changed than a note can say. Not inside of a hook: an
 * allocation is under way there that is counted and has no object yet, which would look like a free. */
COLD void byte_counters_update_tracked(thread_t *thread);

/* ---- reports ---- */

/* Has `report` called each time that all threads together have allocated `interval` bytes more. No lock is held then; a
 * report that falls due while one runs is skipped. Boot only, before the first thread: all threads are tracked then. */
void byte_counters_report_each(uint64_t interval, void (*report)(void));
/* Is a report set? Synchronization: constant after boot. */
extern bool byte_counters_reports;
/* In the child of a fork: a report that was running on another thread is not any more. */
void byte_counters_forget_report(void);

#endif

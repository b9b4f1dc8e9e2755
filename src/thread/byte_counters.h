/*
 * byte_counters.h -- how many bytes a thread has allocated and freed, and the most that it had at a time.
 *
 * Nothing is counted on the fast path:
 *   allocated = requested from the thread's cache (tcache.h) + direct_allocated
 *   freed     = freed into it + direct_freed
 * A reading is exact; it takes half a nanosecond for each class that the thread has used.
 *
 * A thread is *metered* once it has asked for the address of a total: each of its calls takes a slow path from then on
 * (thread_see_calls) and adds its size, so that the totals are exact at every moment, and the peak is. A thread is
 * *watched* that has only asked for the peak, or while reports are due: each slow-path event (at most TCACHE_PERIOD
 * allocations of a class, or a stack's frees, apart) brings the totals up to date.
 */
#ifndef LUNALLOC_THREAD_BYTE_COUNTERS_H
#define LUNALLOC_THREAD_BYTE_COUNTERS_H

#include "base/atomic.h"

typedef struct thread thread_t;

typedef struct {
    /* Synchronization: the owner writes (threads that have ended share one); relaxed: these fields. */
    _Atomic uint64_t direct_allocated; /* bytes of allocations that the thread's cache did not serve */
    _Atomic uint64_t direct_freed;

    /* Synchronization: the owner alone: these fields. */
    uint64_t allocated; /* as of the last update */
    uint64_t freed;
    uint64_t base;     /* allocated - freed when the peak was reset; wraps */
    uint64_t peak;     /* most of allocated - freed - base at an update, 0 at least */
    uint64_t reported; /* of allocated: what has been added up for reports */
    bool watched;      /* slow paths bring these up to date */
    bool metered;      /* watched, and every call takes one */
} byte_counters_t;

/* Reports each time that all threads together have allocated so many bytes; the caller holds no lock. Its function is
 * called again only when it has returned. Boot sets this before the first thread; then all are watched. */
void byte_counters_report_each(uint64_t interval, void (*report)(void));
/* In the child of a fork: one that was under way on another thread is not. */
void byte_counters_forget_report(void);
/* Is it set? */
bool byte_counters_reports(void);

/* The calling thread's totals, brought up to date. */
uint64_t byte_counters_allocated(thread_t *thread);
uint64_t byte_counters_freed(thread_t *thread);
/* Brings both and the peak up to date. */
void byte_counters_update(thread_t *thread);
/* The same at the end of a slow path of a watched thread. */
COLD void byte_counters_update_watched(thread_t *thread);
/* The same where nothing has changed since the last time but that so many bytes were allocated or freed. */
NOINLINE void byte_counters_note_watched(thread_t *thread, uint64_t allocated, uint64_t freed);
/* The calling thread is watched from now on. */
void byte_counters_watch(thread_t *thread);
/* It is metered from now on. False without memory. */
bool byte_counters_begin(thread_t *thread);
void byte_counters_reset_peak(thread_t *thread);

static inline void
byte_counters_add_direct(byte_counters_t *bytes, uint64_t allocated, uint64_t freed) {
    counter_add(&bytes->direct_allocated, allocated);
    counter_add(&bytes->direct_freed, freed);
}

#endif

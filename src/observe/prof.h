/*
 * prof.h -- the heap profiler: off until it is switched on, at any time, in any process.
 *
 * While it is off nothing is done for it but a test where a countdown starts again (arena/sample.h). Switched on or
 * off, or given another rate, it acts on the calling thread's next allocation. Other threads follow at a slow path
 * (thread/refresh.h): what one of them allocates meanwhile, at most TCACHE_PERIOD allocations of each class, is left
 * out. A thread's own switch acts at once. A thread that begins while it is on is sampled from its first allocation.
 * Allocations that were sampled are followed until they are freed, also when it is off again.
 *
 * Allocations that are made while a sample is taken or a dump is written, by that thread, are not sampled.
 * Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_PROF_H
#define LUNALLOC_OBSERVE_PROF_H

#include "base/atomic.h"
#include "base/config.h"

extern _Atomic bool prof_begun; /* Synchronization: any thread; never becomes false. */

/* Profiles from the start, as configured: options.prof or prof_leak is set. After boot, and not before the process's
 * libraries have been loaded; once. */
void prof_begin(void);

/* Profiling was configured: what options.prof_final and prof_leak ask for is done at exit. */
static inline bool
prof_has_begun(void) {
    return atomic_get(&prof_begun);
}

bool prof_is_active(void);
/* 0; EAGAIN without memory or without an unwinder: nothing has changed. */
int prof_set_active(bool active);
/* One sample in 2^this bytes, on average. */
unsigned prof_lg_sample(void);
/* Forgets all samples, and sets the rate. lg: 0 .. PROF_LG_MAX. */
void prof_reset(unsigned lg);
bool prof_gdump(void);
void prof_set_gdump(bool on);
/* Of threads that are born from now on. */
bool prof_thread_active_init(void);
void prof_set_thread_active_init(bool active);

/* Of the calling thread. */
bool prof_thread_active(void);
void prof_thread_set_active(bool active);
const char *prof_thread_get_name(void);
/* 0; EINVAL: longer than PROF_NAME_MAX - 1, or neither printable nor a tab; EAGAIN. */
int prof_thread_set_name(const char *name);

/* Marks the calling thread busy; returns whether it was so. Nothing is done for a thread that is gone: always busy. */
bool prof_enter(void);
void prof_leave(void);

void prof_prefork(void);
void prof_postfork(bool child);

#endif

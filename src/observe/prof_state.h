/*
 * prof_state.h -- the state that all parts of the profiler share: its switches, its rate, and a record of each thread.
 *
 * For the parts of the profiler: they read the state here. To change the switch or the rate, call prof.h, which also
 * makes threads notice.
 *
 * A thread gets its record (prof_thread_t) with its first sample, dump or name, once the table exists. While a thread
 * works for the profiler (it takes a sample or writes a dump) its record is marked *busy*: its allocations are not
 * sampled, and a dump that becomes due is not written.
 *
 * Synchronization: the switch, the rate and the defaults are atomics that any thread reads and writes. A thread reads
 * and writes its own record only.
 */
#ifndef LUNALLOC_OBSERVE_PROF_STATE_H
#define LUNALLOC_OBSERVE_PROF_STATE_H

#include "arena/sample.h"
#include "observe/prof_table.h"

/* The configuration asks for a profile (prof_begin), so options.prof_final and prof_leak are carried out at exit.
 * Synchronization: any thread; never becomes false again. */
extern _Atomic bool prof_begun;

static inline bool
prof_has_begun(void) {
    return atomic_get(&prof_begun);
}

/* Is the profiler switched on? */
static inline bool
prof_is_active(void) {
    return atomic_get(&sampling);
}

/* The rate: one sample in 2^lg bytes on average, lg = 0 .. PROF_LG_MAX. */
unsigned prof_lg_sample(void);
/* Call it before the first sample, too. */
void prof_set_lg_sample(unsigned lg);
/* How many allocations of a class one sample stands for at this rate (prof_sampling_weight). */
double prof_weight(uint32_t szind);

/* Do profiles also have all allocations since the last reset, not only what lives? They are counted in any case. */
bool prof_accum(void);
void prof_set_accum(bool on);

/* Is the calling thread sampled while the profiler is on? */
bool prof_thread_active(void);
void prof_thread_set_active(bool active);
/* The same for threads that start from now on. */
bool prof_thread_active_init(void);
void prof_set_thread_active_init(bool active);

/* The calling thread's record; NULL if it has none yet. */
prof_thread_t *prof_thread_here(void);
/* Makes the record if it is missing. NULL if there is no table yet, if memory is exhausted, or for a thread that has
 * not allocated yet or has ended. */
prof_thread_t *prof_thread_here_or_new(void);

/* Marks the calling thread busy, and returns whether it was already. Only a caller that gets false calls prof_leave. A
 * thread that can have no record always counts as busy. */
bool prof_enter(void);
void prof_leave(void);
/* Marks the calling thread busy with a sample and returns its record; the caller clears the mark. NULL if it takes
 * none: it is left out, busy, or can have no record. */
prof_thread_t *prof_enter_sample(void);

#endif

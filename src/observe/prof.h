/*
 * prof.h -- the heap profiler. To switch it on or off, set its rate or forget its samples, at any time in any process,
 * start here; prof_dump.h writes profiles, and prof_table.h lists samples.
 *
 * Allocations are sampled at random (prof_sampling.h). Each sample is recorded with the stack that allocated it and
 * tracked until it is freed, also after profiling is switched off again.
 *
 * While profiling is off, it costs one test each time a cache bin's countdown restarts (arena/sample.h). A switch or a
 * change of rate takes effect with the calling thread's next allocation. Other threads notice at their next slow path
 * (thread/refresh.h); what they allocate until then, at most TCACHE_PERIOD allocations of each class, is not sampled. A
 * thread's own switch takes effect at once. A thread that starts while profiling is on is sampled from its first
 * allocation.
 *
 * What a thread allocates while it takes a sample or writes a dump is not sampled.
 * Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_PROF_H
#define LUNALLOC_OBSERVE_PROF_H

#include "observe/prof_state.h"

/* Starts profiling as the options say, if options.prof or prof_leak is set. Boot calls it once, after the process's
 * libraries are loaded. */
void prof_begin(void);

/* Switches profiling on or off. 0; EAGAIN if memory is exhausted or there is no unwinder: nothing
 * has changed. */
int prof_set_active(bool active);
/* Forgets all samples and sets the rate: one sample in 2^lg bytes, lg = 0 .. PROF_LG_MAX. */
void prof_reset(unsigned lg);
/* Is a profile written each time the mapped memory reaches a new high? */
bool prof_gdump(void);
void prof_set_gdump(bool on);

/* The calling thread's name in profiles; "" if it has none. */
const char *prof_thread_get_name(void);
/* 0; EINVAL if the name has PROF_NAME_MAX or more bytes, or one that is neither printable nor a tab; EAGAIN if memory
 * is exhausted. */
int prof_thread_set_name(const char *name);

void prof_prefork(void);
void prof_postfork(bool child);

#endif

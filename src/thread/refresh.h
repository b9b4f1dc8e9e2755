/*
 * refresh.h -- what threads do when all are asked (base/generation.h): they move to another arena if their number has
 * changed, flush their caches if that was wanted, and fit caches and quarantine to the present limits and modes.
 *
 * A thread follows at the start of its next slow path. A hit counts its bin down, so that is after no more than
 * TCACHE_PERIOD allocations of one class; or, where it only frees, when the stack of a class is full, after no more
 * than tcache_max_slots frees. One that sleeps follows when it allocates or frees again. Inside of a hook no thread
 * follows: an operation of its own is under way.
 *
 * Explicit caches have no thread that could be asked: their stacks grow by the present limits, and take back what is
 * too much when they are flushed.
 */
#ifndef LUNALLOC_THREAD_REFRESH_H
#define LUNALLOC_THREAD_REFRESH_H

#include "base/generation.h"
#include "thread/thread.h"

COLD void thread_refresh_slow(thread_t *thread);

/* The calling thread does what it was asked for since it did so last. */
static inline void
thread_refresh(thread_t *thread) {
    if (UNLIKELY(atomic_get(&thread->config_generation) != config_generation_latest())) {
        thread_refresh_slow(thread);
    }
}

/* Asks all threads to look at what has changed; the calling one follows at once. May be called before boot. */
void threads_request_refresh(void);
/* Asks them to give back what their caches and quarantines hold. */
void threads_request_flush(void);
/* Threads that have not come to a slow path since they were last asked. */
uint32_t threads_stale(void) EXCLUDES(role_threads);

/* Gives back what the calling thread's cache and quarantine hold. */
void thread_flush(thread_t *thread);

#endif

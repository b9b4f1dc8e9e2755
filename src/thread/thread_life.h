/*
 * thread_life.h -- birth and end of threads: a thread gets its state (thread.h) at its first slow path and loses it
 * when it exits; a fork leaves one thread in the child. Use thread_get where the calling thread must have a state.
 */
#ifndef LUNALLOC_THREAD_THREAD_LIFE_H
#define LUNALLOC_THREAD_THREAD_LIFE_H

#include "thread/thread.h"

COLD thread_t *thread_begin(void);

/* The calling thread; its first call begins it. Never NULL: if there is no memory for its state, it is thread_exited,
 * uncached. Boot has finished. */
static inline thread_t *
thread_get(void) {
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    return LIKELY(thread != NULL) ? thread : thread_begin();
}

/* Begins the first thread; the calling one, once, at boot. */
void thread_boot(void);

/* Do new threads start with `unsampled` set? thread_uninitialised has the same. Any thread writes. */
extern _Atomic bool thread_born_unsampled;

/* Empty (NULL) unless the layers above fill it: called when a thread has ended that had a state, and at most
 * THREADS_FEW are left. No lock is held. */
extern void (*_Atomic threads_fewer)(void);
#define THREADS_FEW 128
/* The same, called after it. It may wait. */
extern void (*_Atomic threads_gone)(void);

void thread_prefork(void);
void thread_postfork(bool child);

#endif

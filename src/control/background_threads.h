/*
 * background_threads.h -- between background.c, which every process runs, and background_threads.c, which has the
 * threads. Nothing else includes it.
 */
#ifndef LUNALLOC_CONTROL_BACKGROUND_THREADS_H
#define LUNALLOC_CONTROL_BACKGROUND_THREADS_H

#include "control/background.h"
#include "extent/purger.h"
#include "thread/thread_life.h"

/* After the system has refused a thread, the next attempt is made no sooner than this; ns. */
#define RETRY_AFTER UINT64_C(1000000000)

extern worker_t background_workers[BACKGROUND_MAX];
extern lock_t lock_of_background_thread;
extern _Atomic bool background_heavy;        /* threads are the C library's. Synchronization: any thread; stays true. */
extern _Atomic bool background_serves_hooks; /* threads, heavy ones, may call hooks. Synchronization: as heavy. */
extern _Atomic bool background_sandboxed;    /* no thread starts by itself. Synchronization: as heavy. */
extern _Atomic uint64_t background_retry_at; /* no thread starts before, ns. Synchronization: any thread. */
/* When the process began, coarse clock, ns; and resident bytes of an arena, at most, at its fork. Synchronization: boot
 * and fork. */
extern _Atomic uint64_t background_born;
extern _Atomic size_t background_inherited;
extern _Atomic bool background_allowed; /* threads may start. Synchronization: any thread; never becomes false. */
extern _Atomic size_t background_most;  /* as set by a control; 0: as the option says. Synchronization: any thread. */

static inline void
background_lock(void) ACQUIRE(role_background) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_background_thread);
}

static inline bool
background_try(void) TRY_ACQUIRE(true, role_background) NO_THREAD_SAFETY {
    return lock_try(&lock_of_background_thread);
}

static inline void
background_unlock(void) RELEASE(role_background) NO_THREAD_SAFETY {
    lock_release(&lock_of_background_thread);
}

/* Lets all arenas rest. True if a thread is needed all the same. `young`: in the child of a fork, where what is free
 * and what ages inside of slabs is inherited, and no reason for a thread. */
bool background_rest_arenas(bool young);

/* What pa_purger is filled with. */
extern const pa_purger_t background_purger;
/* threads_fewer (thread/thread_life.h). */
void background_stop_if_alone(void);

/* Fills the slots of the page layer and of threads, or empties them. */
static inline void
background_fill_slots(bool on) {
    atomic_set_release(&threads_fewer, background_stop_if_alone);
    atomic_set(&pa_purger_grows, on);
    atomic_set_release(&pa_purger, on ? &background_purger : NULL);
}

#endif

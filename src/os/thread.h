/*
 * thread.h -- threads of the allocator's own, and the bells that they sleep by.
 *
 * Such a thread has a small stack and takes no signal. It is not one of thread/thread.h's, unless it allocates.
 */
#ifndef LUNALLOC_OS_THREAD_H
#define LUNALLOC_OS_THREAD_H

#include "base/atomic.h"

#include <pthread.h>

/* Stays where it is until it has been joined. */
typedef struct {
    pthread_t id;        /* Synchronization: who starts and joins it. */
    const char *name;    /* Synchronization: constant while it runs; at most 15 characters, as tools show it. */
    void (*run)(void *); /* Synchronization: constant while it runs. */
    void *arg;           /* Synchronization: constant while it runs. */
    _Atomic uint32_t
        self; /* Synchronization: the thread itself writes; its number in the system, 0 if it is not there. */
} os_thread_t;

/* Runs run(arg) in a new thread. Calls malloc, which may come back here: no lock that malloc takes is held. False if
 * the system refuses. */
bool os_thread_start(os_thread_t *thread, const char *name, void (*run)(void *), void *arg);
/* Waits until run has returned. No cancellation point. */
void os_thread_join(os_thread_t *thread);
bool os_thread_is_self(const os_thread_t *thread);
/* Lets others run. */
void os_thread_yield(void);

/* Sleeps while *word == value, until os_wake_one; may also return for no reason. Keeps errno. */
void os_sleep_on(_Atomic uint32_t *word, uint32_t value);
/* Wakes one thread that sleeps on the word. Keeps errno. */
void os_wake_one(_Atomic uint32_t *word);

/* Silent when zeroed; that also puts one back that a fork has copied. */
typedef struct {
    _Atomic uint32_t rung; /* Synchronization: any thread. */
} event_count_t;

/* Wakes the thread that waits, or the next one that will. Takes no lock; what was written before is seen after. */
void event_count_notify(event_count_t *event_count);
/* Until it rings, or clock_ns() reaches `until` (UINT64_MAX: never). Silent afterwards. */
void event_count_wait(event_count_t *event_count, uint64_t until);

#endif

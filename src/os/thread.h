/*
 * thread.h -- threads as the system has them: the calling thread's number and exit; threads that the allocator starts
 * for itself (background purging); and how threads sleep and wake each other. What the allocator keeps for each thread
 * is in thread/thread.h.
 */
#ifndef LUNALLOC_OS_THREAD_H
#define LUNALLOC_OS_THREAD_H

#include "base/atomic.h"

#include <pthread.h>

/* ---- the calling thread ---- */

/* Its number as the system's tools show it; and its process's. */
uint32_t os_thread_id(void);
uint32_t os_process_id(void);
/* Lets other threads run. */
void os_thread_yield(void);
/* Sets the function that thread exit calls. Once, at boot. False if the system refuses. */
bool os_thread_exit_boot(void (*destroy)(void *));
/* From now on the calling thread's exit calls destroy(value); NULL cancels that. May allocate. */
bool os_thread_at_exit(void *value);

/*
 * ---- threads of the allocator's own ----
 *
 * They have small stacks and take no signals. They have no entry in thread/thread.h unless they allocate.
 */

/* Must not move until the thread has been joined. */
typedef struct {
    pthread_t id;          /* Synchronization: used only by the thread that starts and joins it. */
    const char *name;      /* Synchronization: constant while it runs; at most 15 characters, as tools show it. */
    void (*run)(void *);   /* Synchronization: constant while it runs. */
    void *arg;             /* Synchronization: constant while it runs. */
    _Atomic uint32_t self; /* Synchronization: written by the thread itself, read by any; its os_thread_id(), 0 when it
                            * does not run. */

    /* Of a light thread (thread_light.h). */
    bool light;             /* Synchronization: constant while it runs. */
    void *area;             /* Synchronization: constant while it runs; its memory, kept for the next start; or NULL. */
    size_t area_size;       /* Synchronization: as area; bytes. */
    _Atomic uint32_t alive; /* Synchronization: the system writes, any thread reads; 0 once the thread has ended. */
} os_thread_t;

/* Runs run(arg) in a new thread. Calls malloc, so the caller holds no lock that malloc takes. False if the system
 * refuses. */
bool os_thread_start(os_thread_t *thread, const char *name, void (*run)(void *), void *arg);
/* Waits until run has returned. No cancellation point. */
void os_thread_join(os_thread_t *thread);
/* In the child of a fork, where the thread does not exist: it can be started again. */
void os_thread_forget(os_thread_t *thread);
bool os_thread_is_self(const os_thread_t *thread);
/* Most of them at a time. */
#define OS_THREADS_OWN 72
/* Is one of these threads running under this number (not 0)? */
bool os_thread_is_own(uint32_t id);
/* In the child of a fork: none is running. */
void os_thread_forked(void);
/* Such a thread begins, and ends: called by itself (thread_linux.c). */
void os_thread_enter(uint32_t id);
void os_thread_leave(uint32_t id);

/* ---- sleeping on a word ---- */

/* Sleeps while *word == value, until os_wake_one. May return spuriously. Keeps errno. */
void os_sleep_on(_Atomic uint32_t *word, uint32_t value);
/* Wakes one thread that sleeps on the word. Keeps errno. */
void os_wake_one(_Atomic uint32_t *word);

/*
 * ---- event count ----
 *
 * Lets one thread sleep until another has something for it, without losing a wake-up: a notification before the wait
 * ends that wait at once. Notifications do not add up; the count is 0 or 1. Any thread notifies, one thread waits. All
 * zeros is the initial state, and resets an event count that a fork has copied.
 */
typedef struct {
    _Atomic uint32_t pending; /* Synchronization: any thread; 1: notified since the last wait ended, else 0. */
} event_count_t;

/* Wakes the thread that waits, or ends the next wait. Takes no lock. What the caller wrote before is visible to the
 * thread after its wait (release, acquire). */
void event_count_notify(event_count_t *event_count);
/* Sleeps until a notification is pending or clock_ns() reaches `until` (UINT64_MAX: no limit), and clears it. True:
 * there was one. */
bool event_count_wait(event_count_t *event_count, uint64_t until);

#endif

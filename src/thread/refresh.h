/*
 * refresh.h -- how a change of settings reaches all threads. Call threads_request_refresh after you changed a setting
 * that threads cache (limits of caches, number of arenas, sampling), threads_request_flush to have all caches emptied,
 * modes_set to change a mode.
 *
 * Nobody writes to another thread's state: a request bumps the config generation (base/options.h), and each thread
 * compares it with the value it last saw at the start of its next slow path. If they differ, it moves to another arena
 * if their number has changed, flushes its cache if that was requested, and fits cache and quarantine to the present
 * limits and modes.
 *
 * The bound: a hit counts its bin down, so a thread refreshes after at most TCACHE_PERIOD allocations of one class; if
 * it only frees, when a stack is full, after at most tcache_max_slots frees. A thread that sleeps refreshes at its next
 * call. Inside of a hook no thread refreshes: an operation of its own is under way.
 *
 * Explicit tcaches belong to no thread: their stacks grow by the present limits, and those beyond the limits are given
 * back at a flush.
 */
#ifndef LUNALLOC_THREAD_REFRESH_H
#define LUNALLOC_THREAD_REFRESH_H

#include "thread/thread.h"

/* The calling thread applies all that was requested since it last did. Slow paths call this when the config generation
 * has changed. */
COLD void thread_refresh(thread_t *thread);
/* Empties the calling thread's cache and quarantine. */
void thread_flush(thread_t *thread);

/* Called when a thread has noticed a request of another process (base/options.h), at the start of a slow path, without
 * a lock held; by each thread once, so mostly for a request that was already served. NULL: nobody serves requests. */
extern void (*_Atomic threads_requested)(void);

/* Called after a thread has refreshed, at the start of a slow path, without a lock held. NULL: nobody is told. */
extern void (*_Atomic threads_refreshed)(void);

/* Called with a thread that refreshes, likewise; and with one that ends, if it is recorded. NULL: nobody
 * records. */
extern void (*_Atomic threads_recorded)(thread_t *thread, bool ends);

/* Requests that all threads refresh; the calling one does at once. May be called before boot. */
void threads_request_refresh(void);
/* Requests that they flush, too. */
void threads_request_flush(void);
/* Requests that the thread of this number (os_thread_id) flushes. False if there is none. */
bool threads_request_flush_of(uint32_t id) EXCLUDES(role_threads);
/* Sets the modes of the mask (modes.h), for all threads. May be called before boot. */
void modes_set(uint64_t mask, uint64_t modes);

/* Has the thread not refreshed since the last request? Any thread may ask while it holds the threads' lock. */
bool thread_is_behind(const thread_t *thread);
/* How many threads are behind. */
uint32_t threads_stale(void) EXCLUDES(role_threads);

#endif

/*
 * front.h -- makes each call of a thread take a slow path: for byte counters that are exact at every moment
 * (byte_counters.h), for recordings (observe/record.h), and for isolated threads (isolated.h). thread.h draws what a
 * front is. The calls are then served from the thread's own cache (api/seen.h).
 *
 * The calling thread's own functions.
 */
#ifndef LUNALLOC_THREAD_FRONT_H
#define LUNALLOC_THREAD_FRONT_H

#include "thread/thread.h"

/* Makes each call of the thread take a slow path from now on. False if there is no memory. */
bool thread_see_calls(thread_t *thread);
/* Makes hits of the thread fast again, unless it is exact (byte_counters.h), recorded or isolated. */
void thread_stop_seeing_calls(thread_t *thread);
/* Isolates the thread, or ends that. Its cache covers no class meanwhile. False if there is no memory: the cache stays
 * off. */
bool thread_isolate(thread_t *thread, bool on);
/* Deletes the front of a thread that ends. */
void thread_delete_front(thread_t *thread);

#endif

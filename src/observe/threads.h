/*
 * threads.h -- lists the threads that use the allocator, with what each has cached and how long it has been idle. For
 * lunalloc_threads, whose contract is in lunalloc.h, and for tools that ask which threads keep memory.
 *
 * A batch is copied under the lock of all threads; their names, which are read from files, are added after its release.
 * Idle time is computed from two marks that cost the threads nothing: the time that a tick reads anyway, and the sums
 * of a thread's counts, which each list compares with those of the list before.
 *
 * Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_THREADS_H
#define LUNALLOC_OBSERVE_THREADS_H

#include "base/witness.h"
#include "lunalloc.h"

/* Copies the next threads, up to n, and returns how many; 0 at the end. */
size_t threads_copy(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n) EXCLUDES(role_threads);

#endif

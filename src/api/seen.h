/*
 * seen.h -- the calls of threads that are *seen*: all of them take a slow path, because the thread is exact
 * (thread/byte_counters.h) or isolated (thread/isolated.h), or because they are recorded (observe/record.h). Slow paths
 * ask seen_is, by one load, and then call these instead of serving the call themselves.
 *
 * A seen thread has a front (thread/thread.h). Its calls are served from its own cache, as the fast paths would have.
 * An allocation is recorded once it has its address, a free before it takes effect. During a call the thread may
 * refresh, and so become seen, or be seen no more: an allocation is recorded as things are at its end, a free as they
 * are at its beginning.
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_API_SEEN_H
#define LUNALLOC_API_SEEN_H

#include "observe/record.h"
#include "thread/resize.h"

static inline bool
seen_is(const thread_t *thread) {
    return UNLIKELY(thread->front != NULL);
}

/* All of slow_malloc and slow_free. The hits of an isolated thread that need no note come first, and need no frame. */
NOINLINE void *seen_slow_malloc(thread_t *thread, size_t size);
NOINLINE void seen_slow_free(void *ptr, thread_t *thread);

/* malloc and calloc. NULL and errno if there is no memory. */
NOINLINE void *seen_malloc(thread_t *thread, size_t size);
NOINLINE void *seen_calloc(thread_t *thread, size_t size);
/* An aligned allocation of a class; `placement`: the part of the alignment that the class does not guarantee. */
NOINLINE void *seen_aligned(thread_t *thread, uint32_t szind, size_t placement, size_t size, size_t alignment);
/* resize_block, requested with this size; `lg_align` as stated. */
NOINLINE void *seen_resize(thread_t *thread, extent_t *e, void *ptr, size_t size, uint32_t lg_align,
                           const request_t *request);

/* A free of a block, of which the page map has `class` (0: none). */
NOINLINE void seen_free(thread_t *thread, uint32_t class, void *ptr);
/* The same, by a call that states size and alignment (1: none), which matters to recordings alone. */
NOINLINE void seen_free_sized(thread_t *thread, uint32_t class, void *ptr, size_t size, size_t alignment);

/* Records a call that was served elsewhere; ptr NULL: it failed. */
NOINLINE void seen_note_alloc(thread_t *thread, record_kind_t kind, const void *ptr, size_t size, uint32_t lg_align);
/* Records a free that is about to be served; kind RECORD_FREE or RECORD_FREE_SIZED. ptr is a live allocation, or what
 * the free will report as misuse. */
NOINLINE void seen_note_free(thread_t *thread, record_kind_t kind, const void *ptr, size_t size, uint32_t lg_align);
/* Records a block that has another size now, at the same address. */
NOINLINE void seen_note_resized(thread_t *thread, const void *ptr, size_t size, uint32_t lg_align);

/* ---- parts of seen_malloc and seen_calloc, which a stack of the profiler may begin with (entry.c) ---- */

/* The cache has no object. */
NOINLINE void *seen_malloc_missed(thread_t *thread, size_t size);
NOINLINE void *seen_calloc_missed(thread_t *thread, size_t size);
/* The thread is not recorded. */
NOINLINE void *seen_unrecorded_malloc(thread_t *thread, size_t size);
NOINLINE void *seen_unrecorded_calloc(thread_t *thread, size_t size);

#endif

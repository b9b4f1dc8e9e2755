/*
 * slow.h -- the slow paths of the standard functions. Entry points call these where the fast path (fast.h) failed or
 * does not apply: at a thread's first call, for a refill or flush of its cache, for large sizes, alignments and
 * resizing, and for misuse. The work is done by thread/dispatch.h and thread/resize.h.
 *
 * Thread-safe. Allocations that return NULL set errno to ENOMEM.
 */
#ifndef LUNALLOC_API_SLOW_H
#define LUNALLOC_API_SLOW_H

#include "extent/pagemap.h"
#include "thread/thread.h"

/* The calling thread, with a state of its own; boots the allocator if this is the process's first call. NULL if boot
 * itself calls: serve from early blocks then (init.h). */
thread_t *slow_self(void);

NOINLINE void *slow_malloc(size_t size);
/* Zeroed memory. */
NOINLINE void *slow_calloc(size_t size);
/* alignment: a power of two. */
NOINLINE void *slow_aligned(size_t alignment, size_t size);
/* ptr is a live allocation. Size 0: as opt.zero_realloc says. */
NOINLINE void *slow_realloc(void *ptr, size_t size);
/* ptr may be NULL. */
NOINLINE void slow_free(void *ptr);
/* The same, by a call that states size and alignment (1: none). */
NOINLINE void slow_free_sized(void *ptr, size_t size, size_t alignment);
/* slow_malloc for a thread without a state, and for one whose calls are not seen: parts of it, so that a seen thread's
 * call needs no frame. */
NOINLINE void *slow_malloc_first(size_t size);
NOINLINE void *slow_malloc_unseen(thread_t *thread, size_t size);
/* Usable size of a live allocation. */
size_t slow_usable_size(const void *ptr);

/* The class that the page map has of a block's address; 0: none. An address beyond LG_VADDR bits is misuse, which
 * dispatch_free reports; the page map would be read out of bounds. */
static inline uint32_t
slow_class_of(const void *ptr) {
    return (uintptr_t)ptr >> LG_VADDR == 0 ? pagemap_class(ptr) : 0;
}

/* Sizes beyond the table of the fast path that a thread's cache may hold. */
static inline bool
slow_is_medium(size_t size) {
    return size > SC_LOOKUP_MAX && size <= sc.size[CACHE_BINS - 2];
}

/* Their class, as the page map has it. */
static inline uint32_t
slow_medium_class(size_t size) {
    return sc_index_geometric(size) + 1;
}

#endif

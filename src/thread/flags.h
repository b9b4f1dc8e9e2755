/*
 * flags.h -- the extended requests (lunalloc.h: MALLOCX_...): turns flags into a request and serves it. Each
 * entry point that takes flags calls these.
 *
 *    31        20 19         8 7 6 5         0
 *   [ arena + 1  | cache + 2  |.|z| lg(align) ]
 *
 * In the arena's bits, 0 is the thread's arena; in the cache's, 0 is the thread's cache and 1 none. An arena that is
 * named without a cache serves every object itself, without a cache.
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_THREAD_FLAGS_H
#define LUNALLOC_THREAD_FLAGS_H

#include "thread/resize.h"

#define FLAGS_LG_ALIGN 0x3f
#define FLAGS_ZERO     0x40
#define FLAGS_CACHE    (0xfff << 8)

static inline size_t
flags_alignment(int flags) {
    return (size_t)1 << (flags & FLAGS_LG_ALIGN);
}

/* The cache that the flags name, for a free too. NULL for none, or if no cache has that number. */
cache_t *flags_cache(thread_t *thread, int flags);
/* Translates flags into a request. False if the size is too large, or if no cache or arena has the number in them. */
bool flags_request(thread_t *thread, size_t size, int flags, request_t *out);
/* Allocates as requested. NULL if there is no memory. */
void *flags_alloc(thread_t *thread, const request_t *request);
/*
 * Fills ptrs with up to n blocks of one kind, straight from the slabs of an arena, in runs: a bin's lock is acquired
 * once for many blocks. Returns how many; fewer than n only if flags_request fails, or if there is no memory.
 */
size_t flags_alloc_batch(thread_t *thread, void **ptrs, size_t n, size_t size, int flags);

#endif

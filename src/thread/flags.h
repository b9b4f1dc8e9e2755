/*
 * flags.h -- what the flags of an extended call ask for (lunalloc.h: MALLOCX_...).
 *
 *    31        20 19         8 7 6 5         0
 *   [ arena + 1  | cache + 2  |.|z| lg(align) ]
 *
 * In the place of an arena, 0 is the thread's; in that of a cache, 0 is the thread's and 1 none. An arena that is named
 * without a cache is allocated from without one: every object then comes from it.
 */
#ifndef LUNALLOC_THREAD_FLAGS_H
#define LUNALLOC_THREAD_FLAGS_H

#include "thread/dispatch.h"

#define FLAGS_LG_ALIGN 0x3f
#define FLAGS_ZERO     0x40
#define FLAGS_CACHE    (0xfff << 8)

/* One extended request, made out. */
typedef struct {
    uint32_t szind;
    size_t alignment; /* of the address */
    size_t place;     /* what of it the class does not see to: sc_index_aligned */
    bool zero;        /* all of the usable size is to read as zeros */
    source_t source;
} request_t;

static inline size_t
flags_alignment(int flags) {
    return (size_t)1 << (flags & FLAGS_LG_ALIGN);
}

/* The cache that the flags name, for a free too: NULL for none, or if there is none of that number. */
cache_t *flags_cache(thread_t *thread, int flags);
/* False if it is too large, or names a cache or an arena that is not there. */
bool flags_request(thread_t *thread, size_t size, int flags, request_t *out);
/* Allocates; NULL without memory. */
void *flags_alloc(thread_t *thread, const request_t *request);
/*
 * Up to n blocks of one kind, straight from the slabs of an arena, in runs, with one acquisition of a bin's lock for
 * many; returns how many. Fewer than n only where flags_request fails, or without memory.
 */
size_t flags_alloc_batch(thread_t *thread, void **ptrs, size_t n, size_t size, int flags);

#endif

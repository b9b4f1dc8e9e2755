/*
 * fast.h -- the fast paths of malloc and free, complete: a hit of the thread's cache. Entry points try these, and call
 * slow.h where they fail.
 *
 * Before boot, before a thread's first call, after its last, and whenever caching is off, thread_self points to zeroed
 * bins, which are empty and full at once: so no test but the bin's own is needed.
 */
#ifndef LUNALLOC_API_FAST_H
#define LUNALLOC_API_FAST_H

#include "api/slow.h"
#include "base/witness.h"
#include "extent/pagemap.h"

ALWAYS_INLINE cache_bin_t *
fast_bin(size_t bin_offset) {
    return (cache_bin_t *)(void *)((char *)thread_self + bin_offset);
}

ALWAYS_INLINE bool
fast_malloc(size_t size, void **ptr) {
    witness_no_core_lock();
    return LIKELY(size <= SC_LOOKUP_MAX) && cache_bin_pop(fast_bin(sc_bin_offset(size)), ptr);
}

ALWAYS_INLINE bool
fast_free(void *ptr) {
    witness_no_core_lock();
    return cache_bin_push(fast_bin(pagemap_bin_offset(ptr)), ptr);
}

/* The size that a request at an alignment is rounded up to (sc_index_aligned); SIZE_MAX, which the fast paths do not
 * serve, if they do not serve the request. */
ALWAYS_INLINE size_t
fast_rounded(size_t size, size_t alignment) {
    bool served = size <= SC_LOOKUP_MAX && alignment <= (size_t)1 << LG_GRANULE;
    return LIKELY(served) ? align_up(size + (size == 0), alignment) : SIZE_MAX;
}

/* Takes the class from the size, without a look into the page map; not while some memory must not enter caches. */
ALWAYS_INLINE bool
fast_free_sized(void *ptr, size_t size) {
    witness_no_core_lock();
    if (UNLIKELY(ptr == NULL) || UNLIKELY(size > SC_LOOKUP_MAX) || UNLIKELY(atomic_get(&arenas_uncached_made))) {
        return false;
    }
    return cache_bin_push(fast_bin(sc_bin_offset(size)), ptr);
}

/* ---- frees, fast or slow ---- */

ALWAYS_INLINE void
free_block(void *ptr) {
    if (UNLIKELY(!fast_free(ptr))) {
        slow_free(ptr);
    }
}

/* Size and alignment are those of the request; alignment 1: none. */
ALWAYS_INLINE void
free_block_sized(void *ptr, size_t size, size_t alignment) {
    if (UNLIKELY(!fast_free_sized(ptr, alignment == 1 ? size : fast_rounded(size, alignment)))) {
        slow_free_sized(ptr, size, alignment);
    }
}

#endif

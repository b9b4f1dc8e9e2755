/*
 * fast.h -- the two fast paths, whole: everything else is a slow path's business.
 *
 * Before boot, before a thread's first call, after its last, and whenever caching is off, thread_self leads to zeroed
 * bins: empty and full at once. No other test is needed.
 */
#ifndef LUNALLOC_API_FAST_H
#define LUNALLOC_API_FAST_H

#include "base/witness.h"
#include "extent/pagemap.h"
#include "thread/thread.h"

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

/* The size that a request at an alignment is rounded up to (sc_index_aligned), if the fast paths serve it; else one
 * that they do not. */
ALWAYS_INLINE size_t
fast_rounded(size_t size, size_t alignment) {
    bool served = size <= SC_LOOKUP_MAX && alignment <= (size_t)1 << LG_GRANULE;
    return LIKELY(served) ? align_up(size + (size == 0), alignment) : SIZE_MAX;
}

/* The class comes from the size, not from the page map: unless some memory must not enter caches. */
ALWAYS_INLINE bool
fast_free_sized(void *ptr, size_t size) {
    witness_no_core_lock();
    if (UNLIKELY(ptr == NULL) || UNLIKELY(size > SC_LOOKUP_MAX) || UNLIKELY(atomic_get(&arenas_uncached_made))) {
        return false;
    }
    return cache_bin_push(fast_bin(sc_bin_offset(size)), ptr);
}

#endif

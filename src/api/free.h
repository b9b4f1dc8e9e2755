/* free.h -- frees whole, for the entry points: the fast path, else the slow one. */
#ifndef LUNALLOC_API_FREE_H
#define LUNALLOC_API_FREE_H

#include "api/fast.h"
#include "api/slow.h"

ALWAYS_INLINE void
free_block(void *ptr) {
    if (UNLIKELY(!fast_free(ptr))) {
        slow_free(ptr);
    }
}

/* Of a size at an alignment (1: none), as they were asked for. */
ALWAYS_INLINE void
free_block_of(void *ptr, size_t size, size_t alignment) {
    if (UNLIKELY(!fast_free_sized(ptr, alignment == 1 ? size : fast_rounded(size, alignment)))) {
        slow_free(ptr);
    }
}

#endif

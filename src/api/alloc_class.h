/*
 * alloc_class.h -- an allocation of a size class from the thread's own cache and arena: the last step of slow paths,
 * whether the thread's calls are seen (seen.h) or not.
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_API_ALLOC_CLASS_H
#define LUNALLOC_API_ALLOC_CLASS_H

#include "thread/dispatch.h"

/* Sets errno to ENOMEM and returns NULL. */
COLD void *alloc_fail(void);

/* `placement`: the alignment beyond the class's (sc_index_aligned). *zeroed as for dispatch_alloc. NULL and errno if
 * there is no memory. */
static inline void *
alloc_class(thread_t *thread, uint32_t szind, size_t placement, bool *zeroed) {
    void *ptr = dispatch_alloc(thread, (source_t){.cache = &thread->cache}, szind, placement, zeroed);
    return UNLIKELY(ptr == NULL) ? alloc_fail() : ptr;
}

#endif

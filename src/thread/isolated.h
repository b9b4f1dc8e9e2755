/*
 * isolated.h -- caches of threads that are bound to a manual arena.
 *
 * Such an arena's memory must not outlive it in some cache, and its threads must get no other memory. So the cache of
 * a thread that is bound to it (an *isolated* thread) holds objects of that arena alone, and no other thread's cache
 * holds any: the page map has no class for them. An arena is reset only while no thread is bound to it, and a thread
 * that leaves it has emptied its cache, so no cache holds objects of an arena that is being reset.
 *
 * A hit pops from the thread's stack as the fast path does. A free finds the object's arena by its extent, and takes
 * the class from there. Both are slow-path calls (front.h): the fast path would cache any object that the page map has
 * a class for.
 *
 * Call these on the slow paths of a free that names the thread's own cache. The calling thread's own functions.
 */
#ifndef LUNALLOC_THREAD_ISOLATED_H
#define LUNALLOC_THREAD_ISOLATED_H

#include "extent/pagemap.h"
#include "thread/thread.h"

/* Whether an isolated thread's cache takes an object of an extent, which is of its arena: not a sample
 * (arena/sample.h), and none that is too large. */
static inline bool
isolated_takes(const extent_t *e, const void *ptr) {
    return LIKELY(e->slab) || (e->addr == (uintptr_t)ptr && e->sample == NULL && e->szind + 1 < CACHE_BINS);
}

/* The bin of an isolated thread's cache that takes an object: that of its class; 0: none. For any address. */
uint32_t isolated_class(const thread_t *thread, const void *ptr);

/* The bin of the thread's own cache that takes an object, of which the page map has `class` (0: none). */
static inline uint32_t
isolated_own_class(const thread_t *thread, uint32_t class, const void *ptr) {
    return UNLIKELY(thread->isolated) ? isolated_class(thread, ptr) : class;
}

/* Takes an object that a thread frees, if it is a hit of an isolated thread's cache, and one that needs no note. */
static inline bool
isolated_push(thread_t *thread, void *ptr) {
    const extent_t *e = pagemap_extent((uintptr_t)ptr);
    if (UNLIKELY(e == NULL) || UNLIKELY(atomic_get(&e->owner) != thread->hit_owner) || !isolated_takes(e, ptr)) {
        return false;
    }
    size_t class = e->szind; /* of 64 bits, so that it is an index as it is */
    return cache_bin_push(thread->cache.bins + 1 + class, ptr);
}

#endif

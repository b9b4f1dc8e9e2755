/*
 * dispatch.h -- where an allocation comes from: a cache or none, an arena; and the way back. The slow paths that the
 * entry points share.
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_THREAD_DISPATCH_H
#define LUNALLOC_THREAD_DISPATCH_H

#include "thread/thread.h"

typedef struct {
    cache_t *cache; /* the thread's own, an explicit one, or NULL: none */
    arena_t *arena; /* where what the cache lacks comes from; NULL: the thread's */
} source_t;

/*
 * One object of a class, at an alignment (1: the class's); *zeroed: whether zeros are wanted, as for pa_alloc; set to
 * whether it reads as zeros. Tries again after giving back what the arenas do not use. NULL without memory.
 *
 * The fast path has looked into the thread's own cache, if the class is one that it serves, and may have counted a
 * bin's allocations down to 0.
 */
void *dispatch_alloc(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed);
/* Frees an object of a class into a cache. SC_NONE, or a class that the cache does not take: straight to its arena. */
void dispatch_free(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr);
/* Resizes a large allocation in place to a large class. False: nothing changed. */
bool dispatch_resize(thread_t *thread, extent_t *e, uint32_t szind);
/* Lets it grow to a large class elsewhere in its arena, without copying; returns its new address. NULL where that
 * cannot be: nothing changed. */
void *dispatch_relocate(thread_t *thread, extent_t *e, uint32_t szind);
/* The extent of an allocation that lives, large ones by their first address; else misuse, naming `what`. */
extent_t *dispatch_extent(const void *ptr, const char *what);

#endif

/*
 * dispatch.h -- the slow paths of malloc and free, which all entry points share: they choose the cache and the arena
 * that serve, apply the modes, and do the work that a thread does only from time to time. Call dispatch_alloc where the
 * fast path has failed or does not apply, dispatch_free likewise; to change an allocation's size: resize.h.
 *
 * Besides serving the call, from a cache (tcache.h) or straight from an arena, each slow path
 *   - refreshes the thread, if the config generation has changed (refresh.h);
 *   - counts a slow-path event: every 16th decays pages of arenas and collects one bin of the cache; samples do not
 *     count, so that these become no more frequent while the profiler is on;
 *   - applies the modes (modes.h): to new memory last, to a freed object first;
 *   - updates the byte counters of a tracked thread (byte_counters.h).
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_THREAD_DISPATCH_H
#define LUNALLOC_THREAD_DISPATCH_H

#include "thread/thread.h"

/* The cache and the arena of a call. */
typedef struct {
    cache_t *cache; /* the thread's own, an explicit one, or NULL: none */
    arena_t *arena; /* refills the cache; NULL: the thread's arena */
} source_t;

/*
 * Allocates an object of a class, at an alignment (1: the class's own is enough). *zeroed says whether zeros are wanted
 * and is set to whether the object reads as zeros. NULL if there is no memory, even after a second attempt, before
 * which the arenas' unused regions and the thread's quarantine are given back.
 *
 * The fast path has tried the thread's own cache, if it serves the class, and may have counted the bin down to 0.
 */
void *dispatch_alloc(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed);
/* Frees an object into a cache; straight to its arena if `cache` is NULL or does not cover the class. szind: SC_NONE if
 * the object must not enter a cache. */
void dispatch_free(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr);

/* ---- parts, for other slow paths ---- */

/* Refreshes the thread if needed, and counts a slow-path event. */
void dispatch_housekeep(thread_t *thread);
/* The arena that serves a class now: `wanted` (NULL: the thread's own, or the one for oversize allocations), or, inside
 * of a hook, one without hooks. NULL if there is no memory for that. */
arena_t *dispatch_arena(thread_t *thread, arena_t *wanted, uint32_t szind);
/* Adds bytes that the thread's cache was not involved in to its byte counters. */
void dispatch_count_direct(thread_t *thread, size_t allocated, size_t freed);
/* Fills new memory as the modes say. *zeroed says whether it reads as zeros, before and after. */
void dispatch_fill(void *at, size_t size, bool *zeroed);

#endif

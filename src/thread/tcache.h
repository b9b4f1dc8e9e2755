/*
 * tcache.h -- the slow paths of a cache (cache.h): refilling, growing, flushing, collecting.
 *
 * A stack starts small when its class is first used and doubles while refills or overflows recur, up to
 * tcache_max_slots; beyond a modest size only for objects that come back: what a thread does nothing but allocate, or
 * nothing but free, passes through a small stack at hardly more cost. In a burst of allocations a refill asks for twice
 * as many objects as the last one did, up to half of the stack; where objects are freed in between, for half as many;
 * never for fewer than a cache line holds. An overflow that may not grow gives the oldest half back.
 *
 * One thread at a time uses a cache: its own, or an explicit one.
 */
#ifndef LUNALLOC_THREAD_TCACHE_H
#define LUNALLOC_THREAD_TCACHE_H

#include "thread/thread.h"

/* Allocations between two events of one bin. */
#define TCACHE_PERIOD 512

/* Makes a new cache's countdowns ready; it is zeroed. */
void tcache_open(cache_t *cache);
/* Starts all countdowns again if switch or rate of sampling have changed since they were drawn. */
void tcache_redraw(cache_t *cache);
/* How many classes a cache covers: those up to options.tcache_max. */
uint32_t tcache_nclasses(void);
/* Most objects of a class in one cache: options.tcache_nslots and tcache_bytes, rounded to a power of two. */
uint32_t tcache_max_slots(uint32_t szind);

/* The fast path found the bin empty, or its countdown at 0. What is missing comes from the arena, or (NULL) from the
 * calling thread's. NULL without memory. */
void *tcache_alloc_slow(thread_t *thread, cache_t *cache, arena_t *arena, uint32_t szind);
/* The fast path found the bin full. */
void tcache_free_slow(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr);

/* Gives every object and the stacks back; the next use of a class starts with a small stack again. */
void tcache_flush(cache_t *cache);
/* Lets the cache cover the first n classes; the stacks of others, and those that are larger than tcache_max_slots, go.
 * 0 turns the cache off. */
void tcache_fit(cache_t *cache, uint32_t n);
/* Looks at one bin: what was not used since the last look loses half of its objects, and after the last one its stack.
 */
void tcache_collect(cache_t *cache);

/* Requests of a class that this cache has counted, those without success too; any thread may ask. */
uint64_t tcache_requests(const cache_t *cache, uint32_t szind);
/* The bytes of all of these requests. The cache's user asks, here and below. */
static inline uint64_t
tcache_requested(const cache_t *cache) {
    uint64_t bytes = cache->counted;
    for (uint64_t left = cache->used; left != 0; left &= left - 1) {
        size_t i = trailing_zeros(left);
        bytes -= cache->bins[i].remain * sc.size[i - 1];
    }
    return bytes;
}

/* Those of the objects freed into this cache, and of requests without success: so that the difference of the two is
 * what is in use. */
static inline uint64_t
tcache_freed(const cache_t *cache) {
    uint64_t bytes = cache->counted + cache->returned;
    for (uint64_t left = cache->used; left != 0; left &= left - 1) {
        size_t i = trailing_zeros(left);
        const cache_bin_t *bin = &cache->bins[i];
        bytes -= ((uint64_t)bin->remain - cache_bin_count(bin)) * sc.size[i - 1];
    }
    return bytes;
}

#endif

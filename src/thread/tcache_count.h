/*
 * tcache_count.h -- the counters of a cache: requests, class by class, and bytes. Use it for statistics, and on the
 * slow path of an allocation, which counts the request before it serves it.
 *
 * Each bin counts its allocations down (cache_bin.h): nothing else is counted on the hot path. A countdown lasts
 * TCACHE_PERIOD allocations, or fewer where its end is an allocation that the profiler samples (arena/sample.h).
 *   requests of a class = count_at_end - remain
 * Both change when a countdown starts again; in between, a mark in count_at_end says that it is the difference already.
 * So a reader on another thread sees a count that is exact and never falls.
 *
 * Synchronization: the cache's user calls these; only tcache_requests may be called by any thread.
 */
#ifndef LUNALLOC_THREAD_TCACHE_COUNT_H
#define LUNALLOC_THREAD_TCACHE_COUNT_H

#include "thread/cache.h"

/* Most allocations of one class between two slow paths of a thread. */
#define TCACHE_PERIOD 512

/* Counts the present request, if the hot path has not: it counts down to 0, or not at all. True if the request is to be
 * sampled. */
bool tcache_count_request(cache_t *cache, uint32_t szind);
/* The class is used from now on: its bytes are counted, those of its requests so far included. */
void tcache_count_first_use(cache_t *cache, uint32_t szind);

/* Starts all countdowns. */
void tcache_start_countdowns(cache_t *cache);
/* The same, but only if the switch or the rate of sampling has changed since the present ones were drawn. */
void tcache_redraw(cache_t *cache);

/* Requests of a class that this cache has counted, failed ones included. */
uint64_t tcache_requests(const cache_t *cache, uint32_t szind);
/* Bytes of all of these requests. */
uint64_t tcache_requested(const cache_t *cache);
/* Bytes of the objects freed into this cache and of failed requests: tcache_requested less this is the bytes in use. */
uint64_t tcache_freed(const cache_t *cache);

#endif

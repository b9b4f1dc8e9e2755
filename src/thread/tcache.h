/*
 * tcache.h -- the mechanics of a cache (cache.h): fill, grow, flush, fit and collect its stacks. Call these where the
 * hot path found a bin empty or full, or where a cache must give back what it holds. Which arena serves, and what else
 * a slow path does, the caller decides (dispatch.h); when stacks grow and how much a refill brings: tcache_depth.h.
 *
 * One thread at a time uses a cache: its own, or an explicit one.
 */
#ifndef LUNALLOC_THREAD_TCACHE_H
#define LUNALLOC_THREAD_TCACHE_H

#include "arena/arena.h"
#include "thread/cache.h"
#include "thread/tcache_count.h"

/* Makes a zeroed structure a cache that covers no class yet (tcache_fit). */
void tcache_open(cache_t *cache);
/* How many classes a cache covers: those up to options.tcache_max. */
uint32_t tcache_nclasses(void);
/* Most objects of a class in one cache: options.tcache_nslots and tcache_bytes, rounded to a power of two. */
uint32_t tcache_max_slots(uint32_t szind);

/* An object: the newest of the stack; or else from the arena, with a refill. NULL if there is neither, or no memory;
 * the arena may be NULL. The request has been counted (tcache_count.h). `bin_shard`: which of the arena's shards of the
 * class's bin. */
void *tcache_alloc_slow(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind);
/* An object from the arena, past the stack. NULL if there is no memory. The request has been counted. */
void *tcache_alloc_past(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind);
/* An object that is a sample of the profiler's. NULL if it cannot be one (arena/sample.h): then allocate as usual. */
void *tcache_alloc_sampled(cache_t *cache, arena_t *arena, uint32_t szind);
/* Takes an object that the hot path could not push: the stack grows, or its oldest half is flushed. */
void tcache_free_slow(cache_t *cache, uint32_t szind, void *ptr);

/* Gives every object and the stacks back; the next use of a class starts with a small stack again. */
void tcache_flush(cache_t *cache);
/* Lets the cache cover the first n classes. Stacks of other classes, and those larger than tcache_max_slots, are given
 * back with their objects. 0 turns the cache off. */
void tcache_fit(cache_t *cache, uint32_t n);
/* Looks at one bin, each time the next: a class without a request since the last look loses half of its objects, and
 * with the last one its stack. */
void tcache_collect(cache_t *cache);

#endif

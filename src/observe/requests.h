/*
 * requests.h -- what threads' caches count and hold, by the arena that the threads belong to. Private to observe/.
 *
 * The sum over all arenas is all that was ever asked for: threads that have ended have left their counts to an arena.
 * Explicit caches belong to arena 0.
 */
#ifndef LUNALLOC_OBSERVE_REQUESTS_H
#define LUNALLOC_OBSERVE_REQUESTS_H

#include "observe/counters.h"
#include "thread/thread.h"

typedef struct {
    /* Synchronization: a copy, the reader's: these fields. */
    const arena_t *arena;
    uint64_t n[SC_MAX_SIZES];      /* requests, by szind */
    uint64_t cached[SC_MAX_SIZES]; /* objects in caches and quarantines, by szind */
    uint64_t cached_bytes;
    uint64_t nthreads;
} requests_t;

/* Of the threads of one arena. */
void requests_of(const arena_t *arena, requests_t *out) REQUIRES(role_threads);
/* The same, added to what is there. */
void requests_count(const arena_t *arena, requests_t *requests) REQUIRES(role_threads);
/* Of all threads; takes the lock. */
void requests_of_all(requests_t *out) EXCLUDES(role_threads);
/* Into the sums of the arena, which begin with this: what is in caches is taken off what is allocated, which may be
 * below zero until the arena's own objects are added. */
void requests_add(const requests_t *requests, stats_arena_t *out);

#endif

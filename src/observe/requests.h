/*
 * requests.h -- counts of threads' caches, by the arena that the threads belong to. Private to observe/.
 *
 * Caches count requests, and hold objects that are free; a thread that ends leaves its counts to its arena. Explicit
 * caches belong to arena 0. Summed over all arenas, the requests are all that were ever made. To read them at one
 * instant, hold role_threads, before the arenas are locked.
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

/* Counts of the threads of one arena. */
void requests_of(const arena_t *arena, requests_t *out) REQUIRES(role_threads);
/* Counts of one thread. */
void requests_of_thread(const thread_t *thread, requests_t *out) REQUIRES(role_threads);
/* Counts of all threads; takes the lock. */
void requests_of_all(requests_t *out) EXCLUDES(role_threads);

/* ---- into the statistics; pure: the module does the same with copies of another process ---- */

/* Into the sums of the arena, before the arena's own are added: cached objects are taken off what is allocated, which
 * may be below zero until then. */
static inline void
requests_add(const requests_t *requests, const sc_t *classes, stats_arena_t *out) {
    for (uint32_t i = 0; i < classes->nsizes; i++) {
        stats_sizes_t *sizes = i < classes->nsmall ? &out->small : &out->large;
        sizes->nrequests += requests->n[i];
        sizes->allocated -= requests->cached[i] * classes->size[i];
    }
    out->tcache_bytes = requests->cached_bytes;
}

/* Into the row of a class. */
static inline void
requests_add_bin(const requests_t *requests, uint32_t szind, stats_bin_t *out) {
    out->nrequests += requests->n[szind];
}

static inline void
requests_add_large(const requests_t *requests, uint32_t szind, stats_large_t *out) {
    out->nrequests += requests->n[szind];
}

/* The requests of all arenas, in the public structure. */
static inline uint64_t
requests_total(const lunalloc_stats_t *stats) {
    return stats->nrequests;
}

/* Copies the requests of a row. */
static inline void
requests_copy_bin(const stats_bin_t *from, stats_bin_t *to) {
    to->nrequests = from->nrequests;
}

static inline void
requests_copy_large(const stats_large_t *from, stats_large_t *to) {
    to->nrequests = from->nrequests;
}

#endif

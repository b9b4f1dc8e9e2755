/* requests.c -- counts of threads' caches. */
#include "observe/requests.h"

#include "thread/tcaches.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"

#include <string.h>

/* A count that is read while the owner moves its stack may be wrong: never take more than a stack can hold. */
static uint64_t
count_cached(const cache_t *cache, uint32_t szind) {
    uint32_t n = cache_bin_count(&cache->bins[szind + 1]);
    uint32_t most = cache_slots(&cache->cold[szind + 1]);
    return n < most ? n : most;
}

static void
add_cache(const cache_t *cache, void *context) {
    requests_t *requests = context;
    for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
        uint64_t cached = count_cached(cache, i);
        requests->n[i] += tcache_requests(cache, i);
        requests->cached[i] += cached;
        requests->cached_bytes += cached * sc.size[i];
    }
}

static void
add_quarantine(const thread_t *thread, requests_t *requests) {
    for (uint32_t i = 0; atomic_get(&thread->quarantine) != NULL && i < sc.nsizes; i++) {
        uint64_t n = quarantine_count(thread, i);
        requests->cached[i] += n;
        requests->cached_bytes += n * sc.size[i];
    }
}

static void
add_thread(const thread_t *thread, void *context) {
    requests_t *requests = context;
    if (atomic_get(&thread->arena) == requests->arena) {
        requests->nthreads++;
        add_cache(&thread->cache, requests);
        add_quarantine(thread, requests);
    }
}

/* Adds the counts of the threads of one arena. */
static void
requests_count(const arena_t *arena, requests_t *requests) REQUIRES(role_threads) {
    requests->arena = arena;
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        requests->n[i] += atomic_get(&arena->requests[i]);
    }
    thread_each(add_thread, requests);
    if (arena->index == 0) {
        tcaches_each(add_cache, requests);
    }
}

void
requests_of(const arena_t *arena, requests_t *out) {
    memset(out, 0, sizeof *out);
    requests_count(arena, out);
}

void
requests_of_thread(const thread_t *thread, requests_t *out) {
    memset(out, 0, sizeof *out);
    out->arena = atomic_get(&thread->arena);
    add_thread(thread, out);
}

void
requests_of_all(requests_t *out) {
    memset(out, 0, sizeof *out);
    threads_lock();
    for (uint32_t i = 0; i < arenas_count(); i++) {
        const arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            requests_count(arena, out);
        }
    }
    threads_unlock();
}

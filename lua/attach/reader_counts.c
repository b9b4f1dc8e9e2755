/* reader_counts.c -- what caches and quarantines hold, and the requests that they have counted. */
#include "attach/reader_counts.h"

#include "thread/quarantine.h"

/* The expressions of the list say sc: the target's, which each function here calls `classes`. */
#define sc (*classes)

uint32_t
reader_cached(const cache_t *cache, uint32_t szind) {
    const cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t n = cache_bin_count(&cache->bins[szind + 1]);
    uint32_t most = cold->slots == NULL || cold->lg_slots > 12 ? 0 : 1U << cold->lg_slots;
    return n < most ? n : most;
}

/* In count_at_end, while a countdown starts again (thread/tcache_count.c). */
#define RESTARTING (UINT64_C(1) << 63)

uint64_t
reader_requests(const cache_t *cache, uint32_t szind) {
    uint64_t at_end = atomic_get(&cache->cold[szind + 1].count_at_end);
    return (at_end & RESTARTING) != 0 ? at_end & ~RESTARTING : at_end - cache->bins[szind + 1].remain;
}

bool
reader_quarantine(reader_t *reader, const thread_t *thread, uint32_t held[SC_MAX_SIZES]) {
    quarantine_t quarantine;
    uint64_t addr = (uintptr_t)atomic_get(&thread->quarantine);
    if (addr == 0 || !reader_struct(reader, layout_quarantine, addr, &quarantine)) {
        return false;
    }
    for (uint32_t i = 0; i < SC_MAX_SIZES; i++) {
        uint32_t n = atomic_get(&quarantine.held[i]);
        held[i] = n <= QUARANTINE_MAX_OBJECTS ? n : 0;
    }
    return true;
}

static void
counts_begin(void *context) {
    reader_counts_t *counts = context;
    for (uint32_t i = 0; i < counts->n; i++) {
        counts->of[i] = (requests_t){.arena = counts->of[i].arena};
    }
}

static void
add_cached(const sc_t *classes, uint32_t szind, uint64_t n, requests_t *requests) {
    requests->cached[szind] += n;
    requests->cached_bytes += n * sc.size[szind];
}

static void
add_cache(const reader_t *reader, const cache_t *cache, requests_t *requests) {
    for (uint32_t i = 0; i + 1 < CACHE_BINS && i < reader->classes.nsizes; i++) {
        requests->n[i] += reader_requests(cache, i);
        add_cached(&reader->classes, i, reader_cached(cache, i), requests);
    }
}

static void
count_thread(reader_t *reader, const thread_t *thread, void *context) {
    reader_counts_t *counts = context;
    uint32_t held[SC_MAX_SIZES];
    for (uint32_t i = 0; i < counts->n; i++) {
        requests_t *requests = &counts->of[i];
        if (atomic_get(&thread->arena) != requests->arena) {
            continue;
        }
        requests->nthreads++;
        add_cache(reader, &thread->cache, requests);
        if (reader_quarantine(reader, thread, held)) {
            for (uint32_t k = 0; k < reader->classes.nsizes; k++) {
                add_cached(&reader->classes, k, held[k], requests);
            }
        }
    }
}

/* Explicit caches count as arena 0's. */
static void
count_cache(reader_t *reader, const cache_t *cache, void *context) {
    const reader_counts_t *counts = context;
    if (counts->n > 0) {
        add_cache(reader, cache, &counts->of[0]);
    }
}

int
reader_count(reader_t *reader, reader_counts_t *counts) {
    static const reader_visit_t visit = {.begin = counts_begin, .thread = count_thread, .cache = count_cache};
    return reader_threads(reader, &visit, counts);
}

/* stats.c -- sums over arenas, bins and threads. */
#include "observe/stats.h"

#include "extent/metadata.h"
#include "os/clock.h"
#include "thread/caches.h"
#include "thread/tcache.h"
#include "thread/thread.h"

#include <errno.h>
#include <string.h>

static void
add_bin(lunalloc_class_stats_t *out, bin_t *bin) {
    bin_lock(bin);
    uint64_t nmalloc = atomic_get(&bin->nmalloc);
    uint64_t ndalloc = atomic_get(&bin->ndalloc);
    out->nslabs += atomic_get(&bin->nslabs);
    out->nonfull += atomic_get(&bin->nnonfull);
    bin_unlock(bin);
    out->nmalloc += nmalloc;
    out->ndalloc += ndalloc;
    out->curregs += nmalloc - ndalloc;
    out->nfills += atomic_get(&bin->nfills);
    out->nflushes += atomic_get(&bin->nflushes);
}

/* Large allocations, and samples of small classes. Deallocations first: a pair read in between cannot come out
 * negative. */
static void
add_extents(lunalloc_class_stats_t *out, arena_t *arena, uint32_t szind) {
    uint64_t ndalloc = atomic_get(&arena->ndalloc_large[szind]);
    uint64_t nmalloc = atomic_get(&arena->nmalloc_large[szind]);
    out->nmalloc += nmalloc;
    out->ndalloc += ndalloc;
    out->curregs += nmalloc - ndalloc;
}

static void
add_class(lunalloc_class_stats_t *out, arena_t *arena, uint32_t szind) {
    if (sc_is_small(szind)) {
        add_bin(out, &arena->bins[szind]);
    }
    add_extents(out, arena, szind);
}

/* What all caches hold, those of threads and explicit ones, and the requests that they have counted, by class. */
typedef struct {
    uint64_t cached[CACHE_BINS];
    uint64_t nrequests[CACHE_BINS];
    uint64_t nthreads;
} caches_t;

/* A count read while its owner moves the stack may be off: no more than a stack can hold is believed. */
static void
add_cache(const cache_t *cache, void *context) {
    caches_t *caches = context;
    for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
        uint32_t n = cache_bin_count(&cache->bins[i + 1]);
        uint32_t most = n == 0 ? 0 : tcache_max_slots(i);
        caches->cached[i] += n < most ? n : most;
        caches->nrequests[i] += tcache_requests(cache, i);
    }
}

static void
add_thread(const thread_t *thread, void *context) {
    caches_t *caches = context;
    caches->nthreads++;
    add_cache(&thread->cache, context);
}

static void
read_caches(caches_t *caches) {
    memset(caches, 0, sizeof *caches);
    thread_each(add_thread, caches);
    caches_each(add_cache, caches);
}

static uint64_t
requests(const caches_t *caches, uint32_t szind) {
    return thread_other_requests(szind) + (szind + 1 < CACHE_BINS ? caches->nrequests[szind] : 0);
}

static void
add_pages(lunalloc_stats_t *out, page_alloc_t *pa) {
    pa_lock_layout(pa);
    size_t page = sc.page;
    size_t dirty = atomic_get(&pa->dirty.npages) * page;
    size_t muzzy = atomic_get(&pa->muzzy.npages) * page;
    size_t retained = atomic_get(&pa->retained.npages) * page;
    out->active += atomic_get(&pa->mapped) - dirty - muzzy - retained;
    out->nextents += atomic_get(&pa->dirty.count) + atomic_get(&pa->muzzy.count) + atomic_get(&pa->retained.count);
    out->nregions += atomic_get(&pa->nregions);
    pa_unlock_layout(pa);
    out->dirty += dirty;
    out->muzzy += muzzy;
    out->retained += retained;
    out->npurges += atomic_get(&pa->npurges);
    out->nmadvise += atomic_get(&pa->nmadvise);
    out->purged += atomic_get(&pa->purged);
}

static void
add_arena(lunalloc_stats_t *out, arena_t *arena) {
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        lunalloc_class_stats_t class = {0};
        add_class(&class, arena, i);
        out->allocated += class.curregs * sc.size[i];
        out->nmalloc += class.nmalloc;
        out->ndalloc += class.ndalloc;
        out->nfills += class.nfills;
        out->nflushes += class.nflushes;
        out->nslabs += class.nslabs;
    }
    add_pages(out, &arena->pages);
    out->narenas++;
}

static void
finish(lunalloc_stats_t *out) {
    out->allocated = out->allocated > out->cached ? out->allocated - out->cached : 0;
    out->allocated = out->allocated < out->active ? out->allocated : out->active;
    out->resident = out->metadata + out->active + out->dirty;
    out->mapped = out->active + out->dirty + out->muzzy + out->metadata;
    out->time = clock_ns();
}

static void
read_all(lunalloc_stats_t *out) {
    caches_t caches;
    read_caches(&caches);
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        out->nrequests += requests(&caches, i);
        out->cached += i + 1 < CACHE_BINS ? caches.cached[i] * sc.size[i] : 0;
    }
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            add_arena(out, arenas_get(i));
        }
    }
    out->nthreads = caches.nthreads;
    out->metadata = metadata_bytes();
}

int
stats_read(uint32_t index, lunalloc_stats_t *out) {
    memset(out, 0, sizeof *out);
    if (index == LUNALLOC_ALL) {
        read_all(out);
    } else {
        arena_t *arena = arenas_get(index);
        if (arena == NULL) {
            return ENOENT;
        }
        add_arena(out, arena);
        out->nthreads = atomic_get(&arena->nthreads);
    }
    finish(out);
    return 0;
}

int
stats_read_class(uint32_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    memset(out, 0, sizeof *out);
    if (szind >= sc.nsizes || (index != LUNALLOC_ALL && arenas_get(index) == NULL)) {
        return ENOENT;
    }
    if (index != LUNALLOC_ALL) {
        add_class(out, arenas_get(index), szind);
        return 0;
    }
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            add_class(out, arenas_get(i), szind);
        }
    }
    caches_t caches;
    read_caches(&caches);
    out->nrequests = requests(&caches, szind);
    out->cached = szind + 1 < CACHE_BINS ? caches.cached[szind] : 0;
    return 0;
}

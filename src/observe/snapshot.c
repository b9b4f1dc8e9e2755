/* snapshot.c -- everything at once. Part of stats.h's contract. */
#include "extent/highwater.h"
#include "observe/requests.h"
#include "observe/stats.h"
#include "os/pages.h"
#include "thread/resize.h"
#include "thread/tcache.h"

/* The arenas that are there by now, up to n. */
static void
list_arenas(stats_snapshot_t *snapshot, uint32_t n) {
    for (uint32_t i = 0; i < arenas_count() && snapshot->narenas < n; i++) {
        if (arenas_get(i) != NULL) {
            stats_detail_t *detail = &snapshot->arenas[snapshot->narenas++];
            detail->index = i;
            detail->alive = arenas_alive(i);
        }
    }
}

static void
fill_requests(const requests_t *requests, stats_detail_t *out) {
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        if (requests->n[i] != 0) {
            *(sc_is_small(i) ? &out->bins[i].nrequests : &out->large[i - sc.nsmall].nrequests) = requests->n[i];
        }
    }
    requests_add(requests, &out->arena);
}

/* All arenas under one lock of the threads. What the caches hold is left in `all`. */
static void
read_requests(stats_snapshot_t *snapshot, requests_t *all) {
    threads_lock();
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        requests_t requests;
        requests_of(arenas_get(snapshot->arenas[i].index), &requests);
        fill_requests(&requests, &snapshot->arenas[i]);
        all->cached_bytes += requests.cached_bytes;
        all->nthreads += requests.nthreads;
        for (uint32_t k = 0; k < sc.nsizes; k++) {
            all->cached[k] += requests.cached[k];
        }
    }
    threads_unlock();
}

static bool
has_extents(const stats_extents_t *extents) {
    return (extents->ndirty | extents->nmuzzy | extents->nretained) != 0;
}

/* The mapping reads as zeros: pages of classes without extents are not touched. */
static void
read_extents(arena_t *arena, stats_detail_t *out) REQUIRES(role_extents) {
    const page_alloc_t *pa = &arena->pages;
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        if (extents_has_class(&pa->dirty.extents, i) || extents_has_class(&pa->muzzy.extents, i) ||
            extents_has_class(&pa->retained, i)) {
            stats_read_extents(arena, i, &out->extents[i]);
        }
    }
}

static void
read_arena(arena_t *arena, stats_detail_t *out) {
    stats_read_times(arena, &out->arena);
    stats_read_locks(arena, out->locks);
    stats_lock_arena(arena);
    stats_read_sums(arena, &out->arena, out->bins, out->large);
    read_extents(arena, out);
    stats_unlock_arena(arena);
}

/* ---- sums ---- */

static void
merge_rows(stats_detail_t *into, const stats_detail_t *from) {
    for (uint32_t i = 0; i < STATS_LOCKS; i++) {
        counters_merge(record_lock, &into->locks[i], &from->locks[i]);
    }
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        if (from->bins[i].nslabs != 0 || from->bins[i].nrequests != 0 || from->bins[i].mutex.num_ops != 0) {
            counters_merge(record_bin, &into->bins[i], &from->bins[i]);
        }
    }
    for (uint32_t i = 0; i < stats_nrows(record_large); i++) {
        if (from->large[i].nmalloc != 0 || from->large[i].nrequests != 0) {
            counters_merge(record_large, &into->large[i], &from->large[i]);
        }
    }
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        if (has_extents(&from->extents[i])) {
            counters_merge(record_extents, &into->extents[i], &from->extents[i]);
        }
    }
}

static void
merge(stats_detail_t *into, uint32_t n, const stats_detail_t *from) {
    if (n == 0) {
        into->arena = from->arena;
    } else {
        counters_merge(record_arena, &into->arena, &from->arena);
    }
    merge_rows(into, from);
}

static stats_sizes_t *
sizes_of(stats_detail_t *detail, bool large) {
    return large ? &detail->arena.large : &detail->arena.small;
}

/* What one arena has below zero is taken off the others. */
static void
share_sizes(stats_snapshot_t *snapshot, bool large) {
    uint64_t below = 0;
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        int64_t allocated = (int64_t)sizes_of(&snapshot->arenas[i], large)->allocated;
        below += allocated < 0 ? (uint64_t)-allocated : 0;
    }
    for (uint32_t i = 0; i < snapshot->narenas && below > 0; i++) {
        stats_sizes_t *sizes = sizes_of(&snapshot->arenas[i], large);
        uint64_t has = (int64_t)sizes->allocated < 0 ? 0 : sizes->allocated;
        uint64_t taken = below < has ? below : has;
        sizes->allocated -= taken;
        below -= taken;
    }
}

/* Caches of one arena's threads may hold others' objects: in the end, none is below zero, and the sum is right. */
static void
share_allocated(stats_snapshot_t *snapshot) {
    share_sizes(snapshot, false);
    share_sizes(snapshot, true);
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        stats_finish_allocated(&snapshot->arenas[i].arena);
    }
}

static void
merge_all(stats_snapshot_t *snapshot) {
    snapshot->merged.index = STATS_MERGED;
    snapshot->destroyed.index = STATS_DESTROYED;
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        const stats_detail_t *one = &snapshot->arenas[i];
        merge(&snapshot->merged, i, one);
        if (!one->alive) {
            merge(&snapshot->destroyed, snapshot->ndestroyed++, one);
        }
    }
}

#define RATIO_ONE UINT64_C(1000000)

/* A request that a fill or a large allocation served was no hit; nor was one that never met a cache. */
static uint64_t
ratio_of_hits(uint64_t nrequests, uint64_t nmisses) {
    uint64_t hits = nrequests > nmisses ? nrequests - nmisses : 0;
    return nrequests == 0 ? 0 : hits * RATIO_ONE / nrequests;
}

static stats_cache_t
cache_of_bin(uint64_t cached, stats_bin_t bin) {
    return (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
    };
}

static stats_cache_t
cache_of_large(uint64_t cached, stats_large_t large) {
    return (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
    };
}

void
stats_read_cache(uint32_t szind, stats_cache_t *out) {
    requests_t requests;
    stats_bin_t bin;
    stats_large_t large;
    requests_of_all(&requests);
    if (sc_is_small(szind)) {
        stats_get(record_bin, STATS_MERGED, szind, &bin);
        *out = cache_of_bin(requests.cached[szind], bin);
    } else {
        stats_get(record_large, STATS_MERGED, szind - sc.nsmall, &large);
        *out = cache_of_large(requests.cached[szind], large);
    }
}

static void
fill_caches(stats_snapshot_t *snapshot, const requests_t *caches) {
    for (uint32_t i = 0; i < tcache_nclasses(); i++) {
        snapshot->caches[i] = sc_is_small(i) ? cache_of_bin(caches->cached[i], snapshot->merged.bins[i])
                                             : cache_of_large(caches->cached[i], snapshot->merged.large[i - sc.nsmall]);
    }
}

static size_t
mapping_size(uint32_t n) {
    return align_up(sizeof(stats_snapshot_t) + n * sizeof(stats_detail_t), pages_size());
}

static uint32_t
count_arenas(void) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        n += arenas_get(i) != NULL;
    }
    return n;
}

stats_snapshot_t *
stats_snapshot(void) {
    uint32_t n = count_arenas();
    requests_t caches = {0};
    stats_snapshot_t *snapshot = pages_map(mapping_size(n), pages_size());
    if (snapshot == NULL) {
        return NULL;
    }
    snapshot->size = mapping_size(n);
    list_arenas(snapshot, n);
    read_requests(snapshot, &caches);
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        read_arena(arenas_get(snapshot->arenas[i].index), &snapshot->arenas[i]);
    }
    share_allocated(snapshot);
    merge_all(snapshot);
    stats_share_lives(snapshot);
    fill_caches(snapshot, &caches);
    stats_total(&snapshot->merged.arena, &snapshot->process.total);
    stats_finish_total(caches.cached_bytes, snapshot->narenas, caches.nthreads, &snapshot->process.total);
    snapshot->process.highwater = highwater_mark();
    snapshot->process.zero_reallocs = resize_zero_reallocs();
    return snapshot;
}

void
stats_snapshot_free(stats_snapshot_t *snapshot) {
    pages_unmap(snapshot, snapshot->size);
}

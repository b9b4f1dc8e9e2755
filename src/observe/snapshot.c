/* snapshot.c -- reads all arenas, then sums. */
#include "observe/snapshot.h"

#include "extent/highwater.h"
#include "observe/allocated.h"
#include "observe/arena_stats.h"
#include "observe/past.h"
#include "observe/requests.h"
#include "observe/stats.h"
#include "os/pages.h"
#include "thread/resize.h"
#include "thread/tcache.h"

#include <errno.h>

/* The first n arenas: more may have been created since they were counted. */
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
        if (requests->n[i] != 0 && sc_is_small(i)) {
            requests_add_bin(requests, i, &out->bins[i]);
        } else if (requests->n[i] != 0) {
            requests_add_large(requests, i, &out->large[i - sc.nsmall]);
        }
    }
    requests_add(requests, &sc, &out->arena);
}

/* All arenas under one lock of the threads. Adds up in *all what the caches hold. */
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

/* Rows of free extents are read, while the arena is locked, only if they are wanted. */
static void
read_arena(arena_t *arena, bool with_extents, stats_detail_t *out) {
    stats_read_times(arena, &out->arena);
    stats_read_locks(arena, out->locks);
    stats_lock_arena(arena);
    stats_read_sums(arena, &out->arena, out->bins, out->large);
    if (with_extents) {
        read_extents(arena, out);
    }
    stats_unlock_arena(arena);
}

/* ---- sums ---- */

static bool
large_was_used(const stats_large_t *row) {
    uint64_t any = 0;
#define LARGE(name, type, unit, kind, ...) any |= counter_##kind == counter_cumulative ? row->name : 0;
#include "observe/counters.def"
    return any != 0;
}

static bool
has_extents(const stats_extents_t *row) {
    uint64_t any = 0;
#define EXTENTS(name, type, unit, ...) any |= unit[0] == 'c' ? row->name : 0; /* counts, not bytes */
#include "observe/counters.def"
    return any != 0;
}

/* Every bin's lock has been taken, at least by this snapshot: no row is empty. */
static void
merge_rows(stats_detail_t *into, const stats_detail_t *from) {
    for (uint32_t i = 0; i < STATS_LOCKS; i++) {
        counters_merge(record_lock, &into->locks[i], &from->locks[i]);
    }
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        counters_merge(record_bin, &into->bins[i], &from->bins[i]);
    }
    for (uint32_t i = 0; i < stats_nrows(record_large); i++) {
        if (large_was_used(&from->large[i])) {
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

/* Counters of past arenas belong to the destroyed ones. */
static void
share_past(stats_snapshot_t *snapshot) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        stats_detail_t *detail = &snapshot->arenas[i];
        if (detail->alive && past_exists(detail->index)) {
            past_add_all(detail->index, &snapshot->destroyed);
            past_subtract_all(detail->index, detail);
        }
    }
}

static void
fill_caches(stats_snapshot_t *snapshot, const requests_t *caches) {
    for (uint32_t i = 0; i < tcache_nclasses(); i++) {
        snapshot->caches[i] = sc_is_small(i)
                                  ? stats_cache_of_bin(caches->cached[i], snapshot->merged.bins[i])
                                  : stats_cache_of_large(caches->cached[i], snapshot->merged.large[i - sc.nsmall]);
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

static stats_snapshot_t *
take(bool with_extents) {
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
        read_arena(arenas_get(snapshot->arenas[i].index), with_extents, &snapshot->arenas[i]);
    }
    stats_share_allocated(snapshot->arenas, snapshot->narenas);
    merge_all(snapshot);
    share_past(snapshot);
    fill_caches(snapshot, &caches);
    stats_total(&snapshot->merged.arena, &snapshot->process.total);
    stats_finish_total(caches.cached_bytes, snapshot->narenas, caches.nthreads, &snapshot->process.total);
#define PROCESS(name, type, unit, kind, read, from, ...) snapshot->process.name = from;
#include "observe/counters.def"
    return snapshot;
}

stats_snapshot_t *
stats_snapshot(void) {
    return take(true);
}

void
stats_snapshot_free(stats_snapshot_t *snapshot) {
    pages_unmap(snapshot, snapshot->size);
}

/* ---- the public structures ---- */

static const stats_detail_t *
detail_of(const stats_snapshot_t *snapshot, uint32_t index) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            return &snapshot->arenas[i];
        }
    }
    return index == LUNALLOC_ALL ? &snapshot->merged : NULL;
}

static void
copy_classes(const stats_detail_t *detail, lunalloc_class_stats_t *classes) {
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        classes[i] =
            sc_is_small(i) ? stats_class_of_bin(detail->bins[i]) : stats_class_of_large(detail->large[i - sc.nsmall]);
    }
}

static void
copy_whole(const stats_snapshot_t *snapshot, const stats_detail_t *detail, lunalloc_stats_t *out,
           lunalloc_class_stats_t *classes) {
    copy_classes(detail, classes);
    if (detail != &snapshot->merged) {
        stats_total(&detail->arena, out);
        return;
    }
    *out = snapshot->process.total;
    for (uint32_t i = 0; i < tcache_nclasses(); i++) {
        classes[i].cached = snapshot->caches[i].cached;
    }
}

int
stats_read_whole(uint32_t index, lunalloc_stats_t *out, lunalloc_class_stats_t *classes) {
    stats_snapshot_t *snapshot = take(false);
    if (snapshot == NULL) {
        return ENOMEM;
    }
    const stats_detail_t *detail = detail_of(snapshot, index);
    if (detail != NULL) {
        copy_whole(snapshot, detail, out, classes);
    }
    stats_snapshot_free(snapshot);
    return detail != NULL ? 0 : ENOENT;
}

/* ---- an index that is used again ---- */

void
stats_begin_life(uint32_t index) {
    stats_arena_t arena;
    bool used = stats_get(record_arena, index, 0, &arena) == 0 && past_counted(&arena);
    stats_snapshot_t *snapshot = used ? stats_snapshot() : NULL;
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            past_keep(&snapshot->arenas[i]);
        }
    }
    if (snapshot != NULL) {
        stats_snapshot_free(snapshot);
    }
}

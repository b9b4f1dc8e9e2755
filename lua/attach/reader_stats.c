/* reader_stats.c -- sums over arenas, figures of the process, and the snapshot, in the steps of observe/snapshot.c. */
#include "attach/reader_stats.h"

#include "attach/reader_arena.h"
#include "attach/reader_counts.h"
#include "attach/reader_past.h"
#include "observe/allocated.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The expressions of the list say sc: the target's, which each function here calls `classes`. */
#define sc (*classes)

uint32_t
reader_nrows(const reader_t *reader, record_t record) {
    const sc_t *classes = &reader->classes;
    switch (record) {
    case record_bin:
        return sc.nsmall;
    case record_large:
        return sc.nsizes - sc.nsmall;
    case record_extents:
        return SC_NPAGE_CLASSES;
    case record_cache:
        return reader_ncached(reader);
    case record_lock:
        return STATS_LOCKS;
    default:
        return 1;
    }
}

/* ---- sums ---- */

/* Adds what one arena has; counters_merge() knows how. */
static void
merge(const reader_t *reader, stats_detail_t *into, uint32_t n, const stats_detail_t *from) {
    if (n == 0) {
        into->arena = from->arena;
    } else {
        counters_merge(record_arena, &into->arena, &from->arena);
    }
    for (uint32_t i = 0; i < STATS_LOCKS; i++) {
        counters_merge(record_lock, &into->locks[i], &from->locks[i]);
    }
    for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
        counters_merge(record_bin, &into->bins[i], &from->bins[i]);
    }
    for (uint32_t i = 0; i < reader_nrows(reader, record_large); i++) {
        counters_merge(record_large, &into->large[i], &from->large[i]);
    }
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        counters_merge(record_extents, &into->extents[i], &from->extents[i]);
    }
}

static void
sum_up(reader_t *reader, stats_snapshot_t *snapshot) {
    stats_share_allocated(snapshot->arenas, snapshot->narenas);
    snapshot->merged.index = STATS_MERGED;
    snapshot->destroyed.index = STATS_DESTROYED;
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        stats_detail_t *one = &snapshot->arenas[i];
        merge(reader, &snapshot->merged, i, one);
        if (!one->alive) {
            merge(reader, &snapshot->destroyed, snapshot->ndestroyed++, one);
        }
    }
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].alive) {
            reader_share_past(reader, &snapshot->arenas[i], &snapshot->destroyed);
        }
    }
}

/* ---- the process ---- */

static uint64_t
ratio_of_hits(uint64_t all, uint64_t misses) {
    uint64_t hits = all > misses ? all - misses : 0;
    return all == 0 ? 0 : hits * 1000000 / all;
}

static void
fill_caches(const reader_t *reader, const uint64_t *held, stats_snapshot_t *snapshot) {
    for (uint32_t i = 0; i < reader_ncached(reader); i++) {
        uint64_t cached = held[i];
        if (i < reader->classes.nsmall) {
            stats_bin_t bin = snapshot->merged.bins[i];
            snapshot->caches[i] = (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
            };
        } else {
            stats_large_t large = snapshot->merged.large[i - reader->classes.nsmall];
            snapshot->caches[i] = (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
            };
        }
    }
}

static void
total_of(const sc_t *classes, uint64_t now, const stats_arena_t *arena, lunalloc_stats_t *out) {
#define clock_ns() now
    *out = (lunalloc_stats_t){
#define TOTAL(name, type, unit, kind, merge, from, ...) .name = from,
#include "observe/counters.def"
    };
#undef clock_ns
}

static int
fill_process(reader_t *reader, const requests_t *all, stats_snapshot_t *snapshot) {
    lunalloc_stats_t *total = &snapshot->process.total;
    size_t metadata = 0, most = 0;
    uint64_t resizes = 0;
    int error = reader_variable(reader, metadata_used, &metadata);
    error = error == 0 ? reader_variable(reader, highwater_most, &most) : error;
    error = error == 0 ? reader_variable(reader, resize_zero_count, &resizes) : error;
    total_of(&reader->classes, reader_clock(reader), &snapshot->merged.arena, total);
    total->cached = all->cached_bytes;
    total->narenas = snapshot->narenas;
    total->nthreads = all->nthreads;
    total->metadata = align_up(metadata, reader->classes.page);
    total->resident += total->metadata;
    total->mapped += total->metadata;
#define highwater_mark()                                 most
#define resize_zero_reallocs()                           resizes
#define PROCESS(name, type, unit, kind, read, from, ...) snapshot->process.name = from;
#include "observe/counters.def"
    return error;
}

/* ---- the snapshot ---- */

static stats_snapshot_t *
new_snapshot(const reader_t *reader) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < reader->narenas; i++) {
        n += reader->table[i] != 0;
    }
    stats_snapshot_t *snapshot = calloc(1, sizeof *snapshot + n * sizeof snapshot->arenas[0]);
    for (uint32_t i = 0; snapshot != NULL && i < reader->narenas; i++) {
        if (reader->table[i] != 0) {
            snapshot->arenas[snapshot->narenas++].index = i;
        }
    }
    return snapshot;
}

static int
fill(reader_t *reader, bool extents, reader_counts_t *counts, stats_snapshot_t *snapshot) {
    requests_t all = {0};
    int error = reader_count(reader, counts);
    for (uint32_t i = 0; error == 0 && i < snapshot->narenas; i++) {
        all.cached_bytes += counts->of[i].cached_bytes;
        all.nthreads += counts->of[i].nthreads;
        for (uint32_t k = 0; k < SC_MAX_SIZES; k++) {
            all.cached[k] += counts->of[i].cached[k];
        }
        error = reader_arena_stats(reader, &counts->of[i], &snapshot->arenas[i]);
    }
    for (uint32_t i = 0; extents && error == 0 && i < snapshot->narenas; i++) {
        error = reader_walk(reader, snapshot->arenas[i].index);
        reader_extents_stats(reader, &snapshot->arenas[i]);
    }
    if (error == 0) {
        sum_up(reader, snapshot);
        fill_caches(reader, all.cached, snapshot);
        error = fill_process(reader, &all, snapshot);
    }
    return error;
}

int
reader_snapshot(reader_t *reader, bool extents, stats_snapshot_t **out) {
    stats_snapshot_t *snapshot = new_snapshot(reader);
    reader_counts_t counts = {.n = snapshot == NULL ? 0 : snapshot->narenas};
    counts.of = calloc(counts.n + 1, sizeof *counts.of);
    for (uint32_t i = 0; counts.of != NULL && i < counts.n; i++) {
        counts.of[i].arena = (const arena_t *)(uintptr_t)reader->table[snapshot->arenas[i].index];
    }
    int error = snapshot == NULL || counts.of == NULL ? reader_fail(reader, ENOMEM, "no memory")
                                                      : fill(reader, extents, &counts, snapshot);
    free(counts.of);
    if (error != 0) {
        free(snapshot);
        snapshot = NULL;
    }
    *out = snapshot;
    return error;
}

const stats_detail_t *
reader_detail(const stats_snapshot_t *snapshot, size_t index) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            return &snapshot->arenas[i];
        }
    }
    return index == STATS_MERGED ? &snapshot->merged : index == STATS_DESTROYED ? &snapshot->destroyed : NULL;
}

void
reader_total(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail,
             lunalloc_stats_t *out) {
    if (detail == &snapshot->merged) {
        *out = snapshot->process.total;
    } else {
        total_of(&reader->classes, snapshot->process.total.time, &detail->arena, out);
    }
}

void
reader_class(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail, uint32_t szind,
             lunalloc_class_stats_t *out) {
    if (szind < reader->classes.nsmall) {
        stats_bin_t bin = detail->bins[szind];
        *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
        };
    } else {
        stats_large_t large = detail->large[szind - reader->classes.nsmall];
        *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
        };
    }
    if (detail == &snapshot->merged && szind < CACHE_BINS) {
        out->cached = snapshot->caches[szind].cached;
    }
}

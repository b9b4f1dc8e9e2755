/* stats.c -- records of one arena and of several merged, and lunalloc.h's structures. */
#include "observe/stats.h"

#include "extent/metadata.h"
#include "observe/allocated.h"
#include "observe/arena_stats.h"
#include "observe/past.h"
#include "observe/requests.h"
#include "os/clock.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

#define RATIO_ONE UINT64_C(1000000)

/* ---- one record ---- */

typedef union {
    stats_arena_t arena;
    stats_bin_t bin;
    stats_large_t large;
    stats_extents_t extents;
    stats_lock_t locks[STATS_LOCKS];
} any_record_t;

static void
read_record(record_t record, arena_t *arena, uint32_t row, any_record_t *out) {
    requests_t requests;
    threads_lock();
    requests_of(arena, &requests);
    threads_unlock();
    memset(out, 0, sizeof *out);
    if (record == record_arena) {
        stats_read_times(arena, &out->arena);
        requests_add(&requests, &sc, &out->arena);
    }
    stats_lock_arena(arena);
    switch (record) {
    case record_arena:
        stats_read_sums(arena, &out->arena, NULL, NULL);
        break;
    case record_bin:
        stats_read_bin(arena, row, &out->bin);
        requests_add_bin(&requests, row, &out->bin);
        break;
    case record_large:
        stats_read_large(arena, sc.nsmall + row, &out->large);
        requests_add_large(&requests, sc.nsmall + row, &out->large);
        break;
    case record_lock:
        stats_read_locks(arena, out->locks);
        out->locks[0] = out->locks[row];
        break;
    default:
        stats_read_extents(arena, row, &out->extents);
        break;
    }
    stats_unlock_arena(arena);
}

/* True if the index, which may stand for several arenas, includes this one. */
static bool
is_meant(size_t index, uint32_t arena) {
    return index == STATS_MERGED || index == arena || (index == STATS_DESTROYED && !arenas_alive(arena));
}

/* Past arenas of an index that is used again belong to the destroyed ones. */
static void
share_past(record_t record, size_t index, uint32_t row, void *out) {
    if (index < ARENAS_MAX) {
        past_subtract((uint32_t)index, record, row, out);
    }
    for (uint32_t i = 0; index == STATS_DESTROYED && i < arenas_count(); i++) {
        if (arenas_alive(i)) {
            past_add(i, record, row, out);
        }
    }
}

int
stats_get(record_t record, size_t index, size_t row, void *out) {
    uint32_t n, found = 0;
    any_record_t one;
    const counter_row_t *last = counters_of(record, &n) + n - 1;
    size_t size = last->offset + sizeof(uint64_t);
    bool several = index == STATS_MERGED || index == STATS_DESTROYED;
    if (row >= stats_nrows(record) || (!several && index >= ARENAS_MAX)) {
        return ENOENT;
    }
    memset(out, 0, size);
    for (uint32_t i = several ? 0 : (uint32_t)index; i < (several ? arenas_count() : index + 1); i++) {
        if (arenas_get(i) != NULL && is_meant(index, i)) {
            read_record(record, arenas_get(i), (uint32_t)row, &one);
            found++ == 0 ? (void)memcpy(out, &one, size) : counters_merge(record, out, &one);
        }
    }
    if (record == record_arena) {
        stats_finish_allocated(out);
    }
    share_past(record, index, (uint32_t)row, out);
    return found > 0 || several ? 0 : ENOENT;
}

/* How one counter of a row is read (counters.def). */
typedef enum {
    reading_apart,
    reading_instant,
    reading_requests
} reading_t;

/* Of the words of a bin; then of its lock, which can be read at any time. */
static reading_t
reading_of_bin(size_t offset) {
    static const uint8_t readings[] = {
#define BIN(name, type, unit, kind, column, reading, ...) reading_##reading,
#include "observe/counters.def"
    };
    size_t word = offset / sizeof(uint64_t);
    return word < sizeof readings ? (reading_t)readings[word] : reading_apart;
}

static reading_t
reading_of_large(size_t offset) {
    static const uint8_t readings[] = {
#define LARGE(name, type, unit, kind, reading, ...) reading_##reading,
#include "observe/counters.def"
    };
    return (reading_t)readings[offset / sizeof(uint64_t)];
}

static void
read_bin_counter(arena_t *arena, uint32_t szind, size_t offset, stats_bin_t *out) {
    if (offset >= offsetof(stats_bin_t, mutex)) {
        stats_read_bin_locks(arena, szind, &out->mutex);
    } else if (reading_of_bin(offset) == reading_instant) {
        shards_lock_all(&arena->bins[szind]);
        stats_read_bin_counts(arena, szind, out);
        shards_unlock_all(&arena->bins[szind]);
    } else {
        stats_read_bin_counts(arena, szind, out);
    }
}

/* Reads the counter into its row. False if that costs as much as reading all: requests, and free extents. */
static bool
read_cheaply(record_t record, arena_t *arena, uint32_t row, size_t offset, any_record_t *out) {
    if (record == record_bin && reading_of_bin(offset) != reading_requests) {
        read_bin_counter(arena, row, offset, &out->bin);
        return true;
    }
    if (record == record_large && reading_of_large(offset) != reading_requests) {
        pa_lock_layout(&arena->pages);
        stats_read_large(arena, sc.nsmall + row, &out->large);
        pa_unlock_layout(&arena->pages);
        return true;
    }
    return false;
}

int
stats_get_counter(record_t record, size_t index, size_t row, size_t offset, uint64_t *out) {
    any_record_t any;
    arena_t *arena = index < ARENAS_MAX && row < stats_nrows(record) ? arenas_get((uint32_t)index) : NULL;
    if (arena == NULL || !read_cheaply(record, arena, (uint32_t)row, offset, &any)) {
        int error = stats_get(record, index, row, &any);
        if (error != 0) {
            return error;
        }
    } else {
        past_subtract((uint32_t)index, record, (uint32_t)row, &any);
    }
    *out = *(const uint64_t *)(const void *)((const char *)&any + offset);
    return 0;
}

/* ---- caches ---- */

/* A request that a fill or a large allocation served was no hit; nor was one that never met a cache. */
static uint64_t
ratio_of_hits(uint64_t all, uint64_t misses) {
    uint64_t hits = all > misses ? all - misses : 0;
    return all == 0 ? 0 : hits * RATIO_ONE / all;
}

stats_cache_t
stats_cache_of_bin(uint64_t cached, stats_bin_t bin) {
    return (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
    };
}

stats_cache_t
stats_cache_of_large(uint64_t cached, stats_large_t large) {
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
        *out = stats_cache_of_bin(requests.cached[szind], bin);
    } else {
        stats_get(record_large, STATS_MERGED, szind - sc.nsmall, &large);
        *out = stats_cache_of_large(requests.cached[szind], large);
    }
}

/* ---- the public structures ---- */

void
stats_total(const stats_arena_t *arena, lunalloc_stats_t *out) {
    *out = (lunalloc_stats_t){
#define TOTAL(name, type, unit, kind, merge, from, ...) .name = from,
#include "observe/counters.def"
    };
}

void
stats_finish_total(uint64_t cached, uint64_t narenas, uint64_t nthreads, lunalloc_stats_t *out) {
    out->cached = cached;
    out->narenas = narenas;
    out->nthreads = nthreads;
    out->metadata = metadata_bytes();
    out->resident += out->metadata;
    out->mapped += out->metadata;
}

static uint64_t
count_arenas(void) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        n += arenas_get(i) != NULL;
    }
    return n;
}

int
stats_read(uint32_t index, lunalloc_stats_t *out) {
    bool all = index == LUNALLOC_ALL;
    requests_t requests = {0};
    stats_arena_t arena;
    if (!all && index >= ARENAS_MAX) {
        return ENOENT;
    }
    if (all) {
        requests_of_all(&requests);
    }
    if (stats_get(record_arena, all ? STATS_MERGED : index, 0, &arena) != 0) {
        return ENOENT;
    }
    stats_total(&arena, out);
    if (all) {
        stats_finish_total(requests.cached_bytes, count_arenas(), requests.nthreads, out);
    }
    return 0;
}

lunalloc_class_stats_t
stats_class_of_bin(stats_bin_t bin) {
    return (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
    };
}

lunalloc_class_stats_t
stats_class_of_large(stats_large_t large) {
    return (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
    };
}

static int
read_bin_class(size_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    stats_bin_t bin;
    int error = stats_get(record_bin, index, szind, &bin);
    *out = stats_class_of_bin(bin);
    return error;
}

static int
read_large_class(size_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    stats_large_t large;
    int error = stats_get(record_large, index, szind - sc.nsmall, &large);
    *out = stats_class_of_large(large);
    return error;
}

int
stats_read_class(uint32_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    bool all = index == LUNALLOC_ALL;
    requests_t requests = {0};
    if (szind >= sc.nsizes || (!all && index >= ARENAS_MAX)) {
        return ENOENT;
    }
    if (all) {
        requests_of_all(&requests);
    }
    size_t arena = all ? STATS_MERGED : index;
    int error = sc_is_small(szind) ? read_bin_class(arena, szind, out) : read_large_class(arena, szind, out);
    if (error == 0 && all) {
        out->cached = requests.cached[szind];
    }
    return error;
}

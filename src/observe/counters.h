/*
 * counters.h -- the figures: records of 64-bit words, and the description of each word.
 *
 * A record's description is the only list of its figures: the merging of arenas, the controls stats.*, and every format
 * of the report go by it. What a figure means is said once, by the row of its control (control/schema.def).
 */
#ifndef LUNALLOC_OBSERVE_COUNTERS_H
#define LUNALLOC_OBSERVE_COUNTERS_H

#include "base/sc.h"
#include "lunalloc.h"

/* "Never", "no limit": shown as -1. */
#define COUNTER_NEVER UINT64_MAX

typedef struct {
    lunalloc_stats_t total;
    uint64_t highwater;
    uint64_t zero_reallocs;
    uint64_t metadata_thp; /* 0: not told apart */
} stats_process_t;

typedef struct {
    uint64_t num_threads, num_runs, run_interval;
} stats_background_t;

typedef struct {
    /* Synchronization: a copy, the reader's: these fields; ns. */
    uint64_t num_ops, num_wait, num_spin_acq, num_owner_switch, total_wait_time, max_wait_time, max_num_thds;
} stats_lock_t;

typedef struct {
    uint64_t nmalloc, ndalloc, nrequests, curregs, nfills, nflushes;
    uint64_t nslabs, nreslabs; /* cumulative: made; changes of the current one */
    uint64_t curslabs, nonfull_slabs;
    stats_lock_t mutex;
} stats_bin_t;

typedef struct {
    uint64_t nmalloc, ndalloc, nrequests, curlextents;
} stats_large_t;

/* Free extents of one page class. */
typedef struct {
    uint64_t ndirty, dirty_bytes, nmuzzy, muzzy_bytes, nretained, retained_bytes;
} stats_extents_t;

/* Of dirty or muzzy pages. */
typedef struct {
    uint64_t decay_ms, npages, npurge, nmadvise, purged; /* purged: pages */
    uint64_t allowed, over;                              /* bytes that the curve leaves, and beyond it */
    uint64_t due_ms;                                     /* until time alone makes some due */
} stats_decay_t;

/* Of small or large allocations. */
typedef struct {
    uint64_t allocated, nmalloc, ndalloc, nrequests, nfills, nflushes;
} stats_sizes_t;

typedef struct {
    uint64_t nthreads, uptime;
    stats_decay_t dirty, muzzy;
    stats_sizes_t small, large;
    uint64_t allocated, active, pactive, mapped, retained, resident, base;
    uint64_t extent_avail; /* spare descriptors */
    uint64_t tcache_bytes; /* in the caches of its threads, whatever arena it came from */
    uint64_t nregions, nslabs, nextents, nguards;
    uint64_t nunguarded;                /* extents that were to have a guard and have none */
    uint64_t npurges, nmadvise, purged; /* dirty and muzzy; purged: bytes given back */
    uint64_t remapped, relocated;       /* bytes whose memory was moved: of free extents, of allocations */
} stats_arena_t;

/* One class in the caches of all threads; hit_ratio in millionths of the requests. */
typedef struct {
    uint64_t cached, nrequests, nfills, nflushes, hit_ratio;
} stats_cache_t;

typedef enum {
    counter_gauge,
    counter_cumulative,
    counter_ratio /* millionths */
} counter_kind_t;

/* How the same figure of several arenas becomes one. */
typedef enum {
    counter_sum,
    counter_limit, /* a sum, unless one is COUNTER_NEVER */
    counter_max,
    counter_min
} counter_merge_t;

/* Arrays, not pointers, so that the descriptions need no relocation. Figures with a row stand in the text report in
 * tables: those of one row follow each other, and a row whose first column is the last row's continues its table. */
typedef struct {
    char name[28]; /* of the control, behind the record's own prefix */
    char row[8];
    char column[12];
    uint16_t offset;
    uint8_t kind;
    uint8_t merge;
} counter_row_t;

typedef enum {
    record_process,
    record_background,
    record_arena,
    record_lock,
    record_bin,
    record_large,
    record_extents,
    record_cache,
    RECORDS
} record_t;

/* The description of a record, in the order of its words. */
const counter_row_t *counters_of(record_t record, uint32_t *n);

static inline uint64_t
counter_value(const counter_row_t *figure, const void *record) {
    return *(const uint64_t *)(const void *)((const char *)record + figure->offset);
}

/* into becomes the merger of both. */
void counters_merge(record_t record, void *into, const void *from);

#endif

/*
 * counters.h -- the statistics' structures, and a description of each of their words.
 *
 * Use it to work on counters without naming them: merge those of several arenas, or print all of a structure.
 * Structures and descriptions are made from the list observe/counters.def. A structure is a record of 64-bit words. For
 * each word, its description says the name, the kind, how several arenas' values merge, and its place in the text
 * report.
 */
#ifndef LUNALLOC_OBSERVE_COUNTERS_H
#define LUNALLOC_OBSERVE_COUNTERS_H

#include "base/sc.h"
#include "lunalloc.h"

/* "Never", "no limit": shown as -1. */
#define COUNTER_NEVER UINT64_MAX

/* ---- the structures ---- */

/* The process as a whole. */
typedef struct {
    lunalloc_stats_t total;
#define PROCESS(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_process_t;

typedef struct {
#define BACKGROUND(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_background_t;

/* One lock, or several merged. */
typedef struct {
    /* Synchronization: a copy, the reader's: these fields; ns. */
#define LOCK(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_lock_t;

/* One small class of an arena: its bin, all shards together. */
typedef struct {
#define BIN(name, ...) uint64_t name;
#include "observe/counters.def"
    stats_lock_t mutex;
} stats_bin_t;

/* One large class of an arena. */
typedef struct {
#define LARGE(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_large_t;

/* Free extents of one page class of an arena. */
typedef struct {
#define EXTENTS(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_extents_t;

/* Dirty or muzzy pages of an arena; allowed and over are bytes, npages and purged are pages. */
typedef struct {
#define STAGE(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_decay_t;

/* Small or large allocations of an arena. */
typedef struct {
#define SIZES(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_sizes_t;

typedef struct {
#define ARENA_AGE(name, ...) uint64_t name;
#include "observe/counters.def"
    stats_decay_t dirty, muzzy;
    stats_sizes_t small, large;
#define ARENA(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_arena_t;

/* One class in the caches of all threads. */
typedef struct {
#define CACHE(name, ...) uint64_t name;
#include "observe/counters.def"
} stats_cache_t;

/* ---- their descriptions ---- */

typedef enum {
    counter_gauge,
    counter_cumulative,
    counter_ratio /* millionths */
} counter_kind_t;

/* How the same counter of several arenas becomes one. */
typedef enum {
    counter_sum,
    counter_limit, /* a sum, unless one is COUNTER_NEVER */
    counter_max,
    counter_min
} counter_merge_t;

/* One word. Arrays, not pointers, so that the descriptions need no relocation. Counters with a row stand in the text
 * report in tables: those of one row follow each other, and a row whose first column is the last row's continues its
 * table. */
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
counter_value(const counter_row_t *counter, const void *record) {
    return *(const uint64_t *)(const void *)((const char *)record + counter->offset);
}

/* The decimals that its value is shown with: value / 10^digits. */
static inline unsigned
counter_digits(const counter_row_t *counter) {
    return counter->kind == counter_ratio ? 6 : 0;
}

/* into = the counters of both, merged. */
void counters_merge(record_t record, void *into, const void *from);
#endif

/*
 * snapshot.h -- a snapshot of the counters as one flat block, and the difference of two.
 *
 * la.stats() makes one; `later - earlier` is a difference. Reading, subtracting and printing work on rows of words, and
 * name no counter: names, units and kinds come from the allocator's list (observe/counters.def).
 *
 * Layout of words[], in 64-bit words; [] is a key, which says what the row is of and is never subtracted:
 *
 *     total row     | counters                                    NSTATS
 *     arena rows    | [arena] counters                            narenas  x (1 + NSTATS)
 *     class rows    | [szind] [size] counters of a class          nclasses x (2 + NCLASS)
 *     sizes         | of every class, used or not                 nsizes
 *
 * Rows ascend by their first key. Only classes that were ever used have a row; the others are all zero. In a difference
 * the words are signed (two's complement).
 */
#ifndef LUNALLOC_LUA_SNAPSHOT_H
#define LUNALLOC_LUA_SNAPSHOT_H

#include "target.h"

enum {
    SNAPSHOT_NSTATS = sizeof(lunalloc_stats_t) / sizeof(uint64_t),
    SNAPSHOT_NCLASS = sizeof(lunalloc_class_stats_t) / sizeof(uint64_t),
    SNAPSHOT_NAMES_MAX = 2 + SNAPSHOT_NSTATS
};

typedef enum {
    SNAPSHOT_TOTAL,
    SNAPSHOT_ARENA,
    SNAPSHOT_CLASS
} snapshot_kind_t;

typedef struct {
    bool difference;
    uint32_t nsizes; /* of the allocator: how many rows of classes there could be */
    uint32_t narenas, nclasses;
    uint64_t words[];
} snapshot_t;

/*
 * Taking a snapshot, in three steps; the caller allocates before the second and the third. snapshot_plan() finds out
 * how much there is to read, and snapshot_read() reads the total and the classes. Then the number of rows is known, and
 * snapshot_fill() reads the arenas, too, into the block. The first two fill a plan; it points to memory of the caller.
 * Each returns 0, or the error of the target: ENOENT if there is no such arena.
 */
typedef struct {
    uint32_t scope; /* an arena, or LUNALLOC_ALL */
    uint32_t nsizes;
    uint32_t narenas;  /* rows of arenas; 0 if the scope is one */
    uint32_t nclasses; /* used ones */
    lunalloc_stats_t total;
    lunalloc_class_stats_t *classes; /* nsizes elements, given by the caller before snapshot_read */
    lunalloc_sizeclass_t *sizes;     /* the same */
} snapshot_plan_t;

int snapshot_plan(target_handle_t *target, uint32_t scope, snapshot_plan_t *plan);
int snapshot_read(target_handle_t *target, snapshot_plan_t *plan);
/* Bytes of a block with so many rows. */
size_t snapshot_size(uint32_t narenas, uint32_t nclasses, uint32_t nsizes);
/* Fills a block of snapshot_size() bytes. Arenas that were destroyed since the plan have no row. */
int snapshot_fill(target_handle_t *target, const snapshot_plan_t *plan, snapshot_t *out);
/* out = later - earlier, with the rows of `later`; a row that `earlier` lacks counts from zero. */
void snapshot_subtract(const snapshot_t *later, const snapshot_t *earlier, snapshot_t *out);

/* Bytes of the objects of a class, used or not. */
uint64_t snapshot_class_size(const snapshot_t *snapshot, uint32_t szind);

/* What one word is. */
typedef struct {
    const char *name;
    const char *unit; /* "bytes", "count", "ns" */
    const char *doc;
    bool cumulative; /* never falls, so that it has a rate */
} snapshot_word_t;

/* One row: its keys, then its counters. */
typedef struct {
    const snapshot_word_t *keys;
    const snapshot_word_t *counters;
    uint32_t nkeys, nwords; /* nwords: keys and counters */
    const uint64_t *words;
} snapshot_row_t;

/* The row at a position (the total has position 0). */
snapshot_row_t snapshot_row(const snapshot_t *snapshot, snapshot_kind_t kind, uint32_t position);
uint32_t snapshot_nrows(const snapshot_t *snapshot, snapshot_kind_t kind);
/* Position of the row whose first key is `key`; snapshot_nrows() if there is none. */
uint32_t snapshot_position(const snapshot_t *snapshot, snapshot_kind_t kind, uint64_t key);

/* What word i of a row is. */
const snapshot_word_t *snapshot_word(const snapshot_row_t *row, uint32_t i);
/* The word called `name`; row->nwords if there is none. */
uint32_t snapshot_row_word(const snapshot_row_t *row, const char *name);

/* Of a difference: seconds between its snapshots, and what a word changed by per second (0 if no time passed). */
double snapshot_seconds(const snapshot_t *difference);
double snapshot_rate(const snapshot_t *difference, const snapshot_row_t *row, uint32_t i);

/* ---- snapshot_write.c: by the writers that the allocator's report uses ---- */

/* {counters, "arenas":[...], "classes":[...]}; a difference has "seconds" and "rates" besides. */
void snapshot_json(const snapshot_t *snapshot, lunalloc_write_t *write, void *opaque);
/* OpenMetrics: the names of malloc_stats_print's format O where both have a counter. Not for differences. */
void snapshot_openmetrics(const snapshot_t *snapshot, lunalloc_write_t *write, void *opaque);

/* ---- several processes in one text ---- */

enum {
    SNAPSHOT_LABELS_MAX = 4,
    SNAPSHOT_GAUGES_MAX = 8
};

typedef struct {
    const char *name, *value;
} snapshot_label_t;

/* A figure that is no counter of the allocator's: "rss", "bytes". */
typedef struct {
    const char *name, *unit, *doc;
} snapshot_gauge_t;

/* A process: its labels, its gauges, and its counters, if it can be read. */
typedef struct {
    const snapshot_t *snapshot; /* or NULL */
    snapshot_label_t labels[SNAPSHOT_LABELS_MAX];
    int64_t gauges[SNAPSHOT_GAUGES_MAX];
    bool has_gauge[SNAPSHOT_GAUGES_MAX];
    uint32_t nlabels;
} snapshot_source_t;

typedef struct {
    const snapshot_source_t *sources;
    size_t nsources;
    const snapshot_gauge_t *gauges;
    uint32_t ngauges;
    bool older; /* Prometheus's older text format, instead of OpenMetrics */
} snapshot_metrics_t;

/* Each metric with a sample of each process that has it. */
void snapshot_metrics(const snapshot_metrics_t *metrics, lunalloc_write_t *write, void *opaque);

#endif

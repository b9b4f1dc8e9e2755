/*
 * snapshot.h -- a snapshot of the counters as one flat block, and the difference of two.
 *
 * Layout of words[], in 64-bit words (what is in [] is a key: which arena, which class; it is never subtracted):
 *
 *     total row     | statistics                                  NSTATS
 *     arena rows    | [arena] statistics                          narenas  x (1 + NSTATS)
 *     class rows    | [szind] [size] class statistics             nclasses x (2 + NCLASS)
 *
 * Rows are ascending by their first key. Only classes that were ever used have a row: the others are all zero. In a
 * difference the words are signed (two's complement).
 */
#ifndef LUNALLOC_LUA_SNAPSHOT_H
#define LUNALLOC_LUA_SNAPSHOT_H

#include "loader.h"

enum {
    SNAPSHOT_NSTATS = sizeof(lunalloc_stats_t) / sizeof(uint64_t),
    SNAPSHOT_NCLASS = sizeof(lunalloc_class_stats_t) / sizeof(uint64_t),
    SNAPSHOT_CLASSES_MAX = 1024,
    SNAPSHOT_NAMES_MAX = 2 + SNAPSHOT_NSTATS
};

typedef enum {
    SNAPSHOT_TOTAL,
    SNAPSHOT_ARENA,
    SNAPSHOT_CLASS
} snapshot_kind_t;

typedef struct {
    const char *const *stats_names; /* of the total row; static */
    bool difference;
    uint32_t nsizes; /* of the allocator: how many rows of classes there could be */
    uint32_t narenas, nclasses;
    uint64_t words[];
} snapshot_t;

/* What is to be taken: found out first, so that the block can be made of the right size. */
typedef struct {
    uint32_t scope; /* an arena, or LUNALLOC_ALL */
    uint32_t nsizes;
    uint32_t narenas;                     /* rows of arenas; 0 if the scope is one */
    uint32_t nclasses;                    /* used ones */
    uint16_t class[SNAPSHOT_CLASSES_MAX]; /* their indices */
} snapshot_plan_t;

/* ENOENT if there is no such arena. */
int snapshot_plan(const lunalloc_api_t *api, uint32_t scope, snapshot_plan_t *plan);
/* Bytes of a block with so many rows. */
size_t snapshot_size(uint32_t narenas, uint32_t nclasses);
/* Fills a block of snapshot_size(plan) bytes. Arenas that are gone by now have no row. */
void snapshot_take(const lunalloc_api_t *api, const snapshot_plan_t *plan, snapshot_t *out);
/* out = later - earlier, with the rows of `later`; a row that `earlier` lacks counts from zero. */
void snapshot_subtract(const snapshot_t *later, const snapshot_t *earlier, snapshot_t *out);

/* One row. Its names are those of its keys, then those of its counters. */
typedef struct {
    const char *const *key_names;
    const char *const *counter_names;
    uint32_t nkeys, nwords;
    const uint64_t *words;
} snapshot_row_t;

/* The row at a position (the total has position 0). */
snapshot_row_t snapshot_row(const snapshot_t *snapshot, snapshot_kind_t kind, uint32_t position);
uint32_t snapshot_nrows(const snapshot_t *snapshot, snapshot_kind_t kind);
/* Position of the row whose first key is `key`; snapshot_nrows() if there is none. */
uint32_t snapshot_position(const snapshot_t *snapshot, snapshot_kind_t kind, uint64_t key);

const char *snapshot_row_name(const snapshot_row_t *row, uint32_t word);
/* The word called `name`; row->nwords if there is none. */
uint32_t snapshot_row_word(const snapshot_row_t *row, const char *name);

/* True of counters that only grow, so that a rate makes sense. */
bool snapshot_cumulative(const char *name);

#endif

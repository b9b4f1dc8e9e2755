/*
 * detail.h -- all counters of one arena, as a structure of records and as rows of a record.
 *
 * Use it to address a counter by record and row (the class, or the lock) instead of by field: what works on any record
 * (snapshots, epochs, reports) does so.
 */
#ifndef LUNALLOC_OBSERVE_DETAIL_H
#define LUNALLOC_OBSERVE_DETAIL_H

#include "observe/counters.h"

/* In place of an arena's index. */
#define STATS_MERGED    4096 /* all arenas */
#define STATS_DESTROYED 4097 /* those that were destroyed */

/* Locks of an arena by role: the rows of record_lock. */
typedef enum {
    stats_lock_decay,
    stats_lock_dirty,
    stats_lock_muzzy,
    stats_lock_retained,
    STATS_LOCKS
} stats_lock_index_t;

extern const char stats_lock_names[STATS_LOCKS][20];

/* One arena, or several merged. Classes that do not exist have zeros. */
typedef struct {
    uint32_t index; /* of the arena, STATS_MERGED or STATS_DESTROYED */
    bool alive;
    stats_arena_t arena;
    stats_lock_t locks[STATS_LOCKS];
    stats_bin_t bins[SC_MAX_SMALL];
    stats_large_t large[SC_MAX_SIZES]; /* from the first large class on */
    stats_extents_t extents[SC_NPAGE_CLASSES];
} stats_detail_t;

/* How many rows a record has in an arena; record_cache: in the process. */
uint32_t stats_nrows(record_t record);
/* Row row < stats_nrows(record) of an arena's record. */
const void *stats_detail_row(const stats_detail_t *detail, record_t record, uint32_t row);

#endif

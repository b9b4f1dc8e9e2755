/*
 * snapshot.h -- all statistics at once.
 *
 * Use it to show or to keep everything: reports and epochs do. Each arena is read at one instant (arena_stats.h); the
 * totals and the merged arenas are sums of the arenas in the snapshot. Requests and thread caches are read before, at
 * one instant of their own: an object in a cache may have been returned by then. So in each record, and in every sum of
 * records, allocated <= active <= resident <= mapped + metadata, even while other threads allocate and free.
 *
 * Thread-safe; takes RANK_THREADS and RANK_ARENAS, one after the other, and the locks of one arena at a time.
 */
#ifndef LUNALLOC_OBSERVE_SNAPSHOT_H
#define LUNALLOC_OBSERVE_SNAPSHOT_H

#include "observe/detail.h"

typedef struct {
    size_t size; /* of the mapping that this lies in */
    stats_process_t process;
    stats_cache_t caches[CACHE_BINS];
    uint32_t ndestroyed;
    uint32_t narenas;
    stats_detail_t merged;
    stats_detail_t destroyed;
    stats_detail_t arenas[]; /* ascending by index */
} stats_snapshot_t;

/* In a mapping of its own, so that reading statistics does not change them. NULL without memory. */
stats_snapshot_t *stats_snapshot(void);
void stats_snapshot_free(stats_snapshot_t *snapshot);

/* The public structures of one arena (index) or of all (LUNALLOC_ALL), with all sc.nsizes classes, from one snapshot:
 * faster than class by class, and of one instant. 0; ENOENT: no such arena; ENOMEM. */
int stats_read_whole(uint32_t index, lunalloc_stats_t *out, lunalloc_class_stats_t *classes);

/* Call it when an arena was created at this index, before any thread knows it: its counters start at 0 for readers.
 * Without memory, they continue those of the index's past arenas. */
void stats_begin_life(uint32_t index);

#endif

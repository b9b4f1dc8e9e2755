/*
 * reader_stats.h -- all statistics of another process, as its own snapshot has them (observe/snapshot.h).
 *
 * The expressions by which the library reads its counters (observe/counters.def) read them here, too, from copies of
 * its structures. Each arena is copied at one instant, as good as that: within microseconds, and without its locks.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_STATS_H
#define LUNALLOC_LUA_ATTACH_READER_STATS_H

#include "attach/reader.h"
#include "observe/snapshot.h"

/* Takes a snapshot, which the caller frees with free(). Counts of free extents by page class are in it only if
 * `extents` is set, as they need a walk over all extents. */
int reader_snapshot(reader_t *reader, bool extents, stats_snapshot_t **out);

/* The records of an arena's index, of STATS_MERGED or of STATS_DESTROYED; NULL if there is no such arena. */
const stats_detail_t *reader_detail(const stats_snapshot_t *snapshot, size_t index);
/* How many rows a record has (observe/detail.h). */
uint32_t reader_nrows(const reader_t *reader, record_t record);

/* The public structures: `detail` as above. */
void reader_total(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail,
                  lunalloc_stats_t *out);
void reader_class(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail,
                  uint32_t szind, lunalloc_class_stats_t *out);

#endif

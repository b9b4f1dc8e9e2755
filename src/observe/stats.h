/*
 * stats.h -- reads a counter, a record, or one of lunalloc.h's structures. Owns no counter.
 *
 * Use it for single values; snapshot.h reads everything. An arena is read at one instant, under the locks of its bins
 * and of its layout (arena_stats.h). Requests and thread caches are read before, at one instant of their own.
 *
 * Thread-safe; takes RANK_THREADS and RANK_ARENAS, one after the other, and the locks of one arena at a time.
 */
#ifndef LUNALLOC_OBSERVE_STATS_H
#define LUNALLOC_OBSERVE_STATS_H

#include "observe/detail.h"

/* ---- by record ---- */

/* One row of a record, of an arena, of STATS_MERGED or of STATS_DESTROYED: row is the class. 0, or ENOENT. */
int stats_get(record_t record, size_t arena, size_t row, void *out);
/* One counter of a row, by its offset. Of one arena, it costs no more than to read that counter. 0, or ENOENT. */
int stats_get_counter(record_t record, size_t arena, size_t row, size_t offset, uint64_t *out);
/* One class in all caches; szind < stats_nrows(record_cache). */
void stats_read_cache(uint32_t szind, stats_cache_t *out);

/* ---- the public structures (lunalloc.h) ---- */

/* arena: an index or LUNALLOC_ALL. 0, or ENOENT. */
int stats_read(uint32_t arena, lunalloc_stats_t *out);
int stats_read_class(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out);

/* ---- for snapshot.c ---- */

/* The public structure of one arena, or of several merged; then what belongs to the process as a whole. */
void stats_total(const stats_arena_t *arena, lunalloc_stats_t *out);
void stats_finish_total(uint64_t cached, uint64_t narenas, uint64_t nthreads, lunalloc_stats_t *out);
/* A class, from its row of one arena or of several merged; `cached` stays 0. */
lunalloc_class_stats_t stats_class_of_bin(stats_bin_t bin);
lunalloc_class_stats_t stats_class_of_large(stats_large_t large);
/* A class in all caches, from its merged row and the objects in caches. */
stats_cache_t stats_cache_of_bin(uint64_t cached, stats_bin_t bin);
stats_cache_t stats_cache_of_large(uint64_t cached, stats_large_t large);

#endif

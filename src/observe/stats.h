/*
 * stats.h -- reads the counters of the layers below; owns none.
 *
 * An arena is read at one instant: under the locks of its bins and of its layout. So in every record of one, and in
 * every sum of such, allocated <= active <= resident <= mapped + metadata, whatever other threads do. Requests and
 * thread caches are read at one instant of their own (threads_lock), before the arenas: what a cache holds may have
 * gone back by then.
 *
 * Thread-safe; takes RANK_THREADS and RANK_ARENAS, one after the other, and the locks of one arena at a time.
 */
#ifndef LUNALLOC_OBSERVE_STATS_H
#define LUNALLOC_OBSERVE_STATS_H

#include "arena/arenas.h"
#include "lunalloc.h"
#include "observe/counters.h"
#include "thread/thread.h"

/* In the place of an arena's index. */
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

void stats_read_lock(const lock_t *lock, stats_lock_t *out);

/* One arena, or several merged; nothing of classes that do not exist. */
typedef struct {
    uint32_t index;
    bool alive;
    stats_arena_t arena;
    stats_lock_t locks[STATS_LOCKS];
    stats_bin_t bins[SC_MAX_SMALL];
    stats_large_t large[SC_MAX_SIZES]; /* from the first large class on */
    stats_extents_t extents[SC_NPAGE_CLASSES];
} stats_detail_t;

/* What it has of an arena's record; row < stats_nrows(record). */
const void *stats_detail_row(const stats_detail_t *detail, record_t record, uint32_t row);

/* Everything, as one picture: the totals and the merged arenas are sums of the arenas that are there. */
typedef struct {
    size_t size; /* of the mapping that this lies in */
    stats_process_t process;
    stats_cache_t caches[CACHE_BINS];
    uint32_t ndestroyed;
    uint32_t narenas;
    stats_detail_t merged;
    stats_detail_t destroyed;
    stats_detail_t arenas[]; /* ascending */
} stats_snapshot_t;

/* In a mapping of its own, so that looking does not change what is looked at; NULL without memory. */
stats_snapshot_t *stats_snapshot(void);
void stats_snapshot_free(stats_snapshot_t *snapshot);

/* One record of an arena, of STATS_MERGED or STATS_DESTROYED: row is the class. 0, or ENOENT. */
int stats_get(record_t record, size_t arena, size_t row, void *out);
/* One figure of a class, by its offset; of one arena, it costs no more than that. */
int stats_get_counter(record_t record, size_t arena, size_t row, size_t offset, uint64_t *out);
/* Of one class in all caches; szind < stats_nrows(record_cache). */
void stats_read_cache(uint32_t szind, stats_cache_t *out);
/* How many rows a record has in an arena. */
uint32_t stats_nrows(record_t record);

/* An arena of this index was made, and nobody knows it yet: what is told of it from now on begins at 0. Without memory,
 * it goes on where the last one ended. */
void stats_begin_life(uint32_t index);

/* ---- between stats.c, snapshot.c and lives.c ---- */

/* What earlier arenas of the index have counted, of one record: off the present one's, or on those of the destroyed. */
void stats_take_off_earlier(uint32_t index, record_t record, uint32_t row, void *out);
void stats_put_on_earlier(uint32_t index, record_t record, uint32_t row, void *out);
/* The same for a picture, whose merged figures have them. */
void stats_share_lives(stats_snapshot_t *snapshot);

/* While they are held, no page and no region of a slab changes hands. */
void stats_lock_arena(arena_t *arena) ACQUIRE(role_bin, role_extents);
void stats_unlock_arena(arena_t *arena) RELEASE(role_bin, role_extents);
void stats_read_locks(const arena_t *arena, stats_lock_t out[STATS_LOCKS]);
/* Begins all figures of the arena's locks anew. */
void stats_reset_locks(arena_t *arena) EXCLUDES(role_decay, role_bin, role_extents);
/* Each fills a record but for the requests; stats_read_sums, a zeroed one, but for the times, which come before, and
 * the rows that make up the sums, unless NULL. */
void stats_read_bin(arena_t *arena, uint32_t szind, stats_bin_t *out) REQUIRES(role_bin);
void stats_read_large(const arena_t *arena, uint32_t szind, stats_large_t *out) REQUIRES(role_extents);
void stats_read_extents(arena_t *arena, uint32_t class, stats_extents_t *out) REQUIRES(role_extents);
void stats_read_sums(arena_t *arena, stats_arena_t *out, stats_bin_t *bins, stats_large_t *large)
    REQUIRES(role_bin, role_extents);
/* After all that adds to it, for one arena or several merged: what of it is in use by the application. */
void stats_finish_allocated(stats_arena_t *arena);
void stats_read_times(arena_t *arena, stats_arena_t *out) EXCLUDES(role_decay, role_bin, role_extents);
/* The public structure of one arena, or of all of them merged; and what all of them have in common. */
void stats_total(const stats_arena_t *arena, lunalloc_stats_t *out);
void stats_finish_total(uint64_t cached, uint64_t narenas, uint64_t nthreads, lunalloc_stats_t *out);

/* ---- the public structures (lunalloc.h) ---- */

/* arena: an index or LUNALLOC_ALL. 0, or ENOENT. */
int stats_read(uint32_t arena, lunalloc_stats_t *out);
int stats_read_class(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out);

#endif

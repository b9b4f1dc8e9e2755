/*
 * reader_arena.h -- the statistics of one arena of another process. Used by reader_stats.c, which sums them.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_ARENA_H
#define LUNALLOC_LUA_ATTACH_READER_ARENA_H

#include "attach/reader.h"
#include "observe/detail.h"
#include "observe/requests.h"

/* Fills in all records but that of page classes; `requests`: of its caches. out->index says which arena. 0, or an errno
 * value. */
int reader_arena_stats(reader_t *reader, const requests_t *requests, stats_detail_t *out);
/* Free extents by page class, from the walk that was made last. */
void reader_extents_stats(reader_t *reader, stats_detail_t *out);

/* The counters of a lock. */
void reader_lock(const lock_t *lock, stats_lock_t *out);

#endif

/*
 * ctl_epoch.h -- statistics as mallctl gives them: those of an instant, the epoch, so that a program that reads one
 * after the other reads one picture. Writing "epoch" begins a new one; so does the first question. The other ways to
 * ask (lunalloc_ctl_get, Lua) get the figures of their own moment.
 *
 * Thread-safe: each sum is read and written as a whole. Threads that begin epochs at the same time mix two pictures of
 * the same time.
 */
#ifndef LUNALLOC_CONTROL_CTL_EPOCH_H
#define LUNALLOC_CONTROL_CTL_EPOCH_H

#include "control/ctl_call.h"
#include "observe/snapshot.h"
#include "observe/stats.h"

/* A field of stats_arena_t, by its offset, of an arena that is there, of STATS_MERGED or of STATS_DESTROYED, whose sums
 * are always those of their own moment. */
uint64_t ctl_arena_sum(const ctl_call_t *call, uint32_t index, size_t offset);
/* A field of lunalloc_stats_t of all arenas. */
uint64_t ctl_total(const ctl_call_t *call, size_t offset);
/* A figure of a record of a class, or of a lock, by its offset: of an arena that is there, STATS_MERGED or
 * STATS_DESTROYED; row < stats_nrows(record). False without memory. */
bool ctl_epoch_row(record_t record, uint32_t index, uint32_t row, size_t offset, uint64_t *out);
/* An epoch begins with this picture. */
void ctl_epoch_keep_rows(const stats_snapshot_t *snapshot);
/* What is kept of an arena's rows is taken anew. */
void ctl_epoch_renew_rows(uint32_t index);
/* Was this arena alive when the epoch began? */
bool ctl_epoch_began_with(uint32_t index);
/* An arena of this index was made: it is another one than that of the epoch. */
void ctl_epoch_forget(uint32_t index);

#endif

/*
 * ctl_epoch.h -- statistics as mallctl gives them: those of an instant, the epoch.
 *
 * A program that reads one counter after the other gets values of one snapshot, as from jemalloc. Writing "epoch"
 * begins a new epoch; the first read of a counter begins the first one. Reads that are not mallctl's (lunalloc_ctl_get,
 * Lua) get present values.
 *
 * An epoch keeps the sums of every arena, which is cheap. The rows of classes, free extents and locks take 25 KiB for
 * each arena, and are kept from the first read of a row on: a process that reads sums only has none.
 *
 * Thread-safe: each counter is read and written as a whole. Threads that begin epochs at the same time mix two
 * snapshots of about the same time.
 */
#ifndef LUNALLOC_CONTROL_CTL_EPOCH_H
#define LUNALLOC_CONTROL_CTL_EPOCH_H

#include "control/ctl_call.h"
#include "observe/snapshot.h"
#include "observe/stats.h"

/* The word at this offset of stats_arena_t, of an existing arena, of STATS_MERGED or of STATS_DESTROYED. The sums of
 * the last are always present values. */
uint64_t ctl_arena_sum(const ctl_call_t *call, uint32_t index, size_t offset);
/* The word at this offset of lunalloc_stats_t, of all arenas. */
uint64_t ctl_total(const ctl_call_t *call, size_t offset);
/* The word at this offset of a record's row, of an existing arena, STATS_MERGED or STATS_DESTROYED; row <
 * stats_nrows(record). False without memory. */
bool ctl_epoch_row(record_t record, uint32_t index, uint32_t row, size_t offset, uint64_t *out);

/* True if this arena was alive when the epoch began. */
bool ctl_epoch_began_with(uint32_t index);
/* Call it when an arena was created at this index: the epoch has another one there. */
void ctl_epoch_forget(uint32_t index);

#endif

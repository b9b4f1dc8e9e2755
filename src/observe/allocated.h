/*
 * allocated.h -- the last step of statistics: what of an arena the application has in use. Private to observe/, and
 * linked into the module, which takes snapshots of other processes by the same rule.
 *
 * An arena's `small.allocated` and `large.allocated` are first what has left it, less what caches of its own threads
 * hold. These may hold objects of other arenas, and were read before the arena, so a number may be negative. Pure.
 */
#ifndef LUNALLOC_OBSERVE_ALLOCATED_H
#define LUNALLOC_OBSERVE_ALLOCATED_H

#include "observe/detail.h"

/* One arena, or several merged: a negative number becomes 0; then the sum. */
void stats_finish_allocated(stats_arena_t *arena);
/* All arenas: what one has below zero is taken off the others, so the sum is right. Finishes each. */
void stats_share_allocated(stats_detail_t *arenas, uint32_t narenas);

#endif

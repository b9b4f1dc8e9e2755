/*
 * past.h -- counters of past arenas, whose index a later arena uses again. Private to observe/.
 *
 * Counters of an arena structure never fall, and a structure is used again with its index. So when an arena is created
 * at a used index, past_keep copies what the structure has counted so far. Afterwards, the copy is subtracted from the
 * arena's counters, which start at 0 for the reader, and added to those of the destroyed arenas. Only cumulative
 * counters are treated so; those of locks belong to the locks, and can be reset.
 *
 * Thread-safe: reads need no lock; past_keep is called before any thread knows the new arena.
 */
#ifndef LUNALLOC_OBSERVE_PAST_H
#define LUNALLOC_OBSERVE_PAST_H

#include "observe/detail.h"

/* True if the index has past arenas. */
bool past_exists(uint32_t index);
/* Takes the counters of past arenas of the index off one record, or adds them. */
void past_subtract(uint32_t index, record_t record, uint32_t row, void *out);
void past_add(uint32_t index, record_t record, uint32_t row, void *out);
/* The same for all records. */
void past_subtract_all(uint32_t index, stats_detail_t *detail);
void past_add_all(uint32_t index, stats_detail_t *detail);

/* True if an arena has counted anything; a new one at a new index has not. */
bool past_counted(const stats_arena_t *arena);
/* Adds an arena's counters to those of its index's past arenas. False without memory: then later arenas of the index
 * continue the counts. */
bool past_keep(stats_detail_t *detail);

#endif

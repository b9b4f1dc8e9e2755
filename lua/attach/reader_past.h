/*
 * reader_past.h -- counters of past arenas, whose index a later arena uses again: what observe/past.h does, for another
 * process.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_PAST_H
#define LUNALLOC_LUA_ATTACH_READER_PAST_H

#include "attach/reader.h"
#include "observe/detail.h"

/* Takes the counters of past arenas off an arena's, and adds them to those of the destroyed ones. */
void reader_share_past(reader_t *reader, stats_detail_t *arena, stats_detail_t *destroyed);

/* The class of a number of pages, as sc_page_class_floor (base/sc.h) has it. */
uint32_t reader_page_class(const reader_t *reader, size_t npages);

#endif

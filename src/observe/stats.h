/*
 * stats.h -- reads the counters of the layers below; owns none. The public structures are lunalloc.h's.
 *
 * Each counter is read once; allocated <= active <= resident holds in every result. Thread-safe; takes RANK_THREADS.
 */
#ifndef LUNALLOC_OBSERVE_STATS_H
#define LUNALLOC_OBSERVE_STATS_H

#include "lunalloc.h"

/* arena: an index or LUNALLOC_ALL. 0, or ENOENT. */
int stats_read(uint32_t arena, lunalloc_stats_t *out);
int stats_read_class(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out);

#endif

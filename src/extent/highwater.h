/*
 * highwater.h -- the address space mapped by all arenas together, and a slot that is told of each new high.
 *
 * The slot runs on the thread whose allocation mapped the region, without any lock of the core, perhaps in the middle
 * of an internal allocation. It may allocate and free, and so map regions itself: while it runs, on whatever thread,
 * further highs are recorded but not told. So it is never entered twice and never waited for. Thread-safe.
 */
#ifndef LUNALLOC_EXTENT_HIGHWATER_H
#define LUNALLOC_EXTENT_HIGHWATER_H

#include "base/atomic.h"

typedef void highwater_slot_t(size_t mapped);

/* Empty by default; whoever fills it keeps the function valid. */
void highwater_set_slot(highwater_slot_t *slot);

/* Called by region.c, without locks, after a region came or went; bytes. */
void highwater_add(size_t size);
void highwater_sub(size_t size);

/* Highest sum so far, bytes. */
size_t highwater_mark(void);

#endif

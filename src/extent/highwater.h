/*
 * highwater.h -- the address space mapped by all arenas together, and a slot that is called at each new maximum.
 *
 * The profiler fills the slot, to dump a profile at each new maximum (prof.gdump). The slot runs on the thread whose
 * allocation mapped a region, without locks of the core, perhaps in the middle of an internal allocation. It may
 * allocate and free, and so map regions itself. While it runs, on any thread, further maxima are recorded, and the slot
 * is not called for them: it is never entered twice, and no thread waits for it.
 *
 * Thread-safe.
 */
#ifndef LUNALLOC_EXTENT_HIGHWATER_H
#define LUNALLOC_EXTENT_HIGHWATER_H

#include "base/atomic.h"

typedef void highwater_slot_t(size_t mapped);

/* Empty by default. The function stays valid forever. */
void highwater_set_slot(highwater_slot_t *slot);

/* Called without locks after a region was mapped (or unmapped); bytes. */
void highwater_add(size_t size);
void highwater_sub(size_t size);

/* The maximum so far, bytes. */
size_t highwater_mark(void);

#endif

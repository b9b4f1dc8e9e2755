/*
 * walk.h -- looks at the heap as it lies: all extents in order, the extent that an address belongs to, and the bytes
 * that the allocator counts beside those that the system has resident.
 *
 * For lunalloc_extents, lunalloc_find and lunalloc_reconcile, whose contracts are in lunalloc.h: everything is a copy,
 * nothing is allocated, and no lock is held on return.
 *
 * A walk copies a batch of extents while it holds the three collection locks of their arena. No boundary, state or
 * class of an extent changes then (extent.h, layout rule), so each page of a region is in exactly one copy of the
 * batch. Between batches anything may change; the walk resumes at the first extent that starts at or after the place
 * where it stopped.
 *
 * Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_WALK_H
#define LUNALLOC_OBSERVE_WALK_H

#include "lunalloc.h"

/* Copies the next extents, up to n, and returns how many; 0 at the end. */
size_t walk_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals);
/* 0, or ENOENT if the address is no memory of the allocator. */
int walk_find(uintptr_t addr, lunalloc_location_t *out);
/* Walks all extents and asks the system page by page which are resident. 0, or ENOSYS where the system does not
 * tell. */
int walk_reconcile(lunalloc_reconciliation_t *out);

#endif

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

#include "extent/extent.h"
#include "lunalloc.h"

/* Copies the next extents, up to n, and returns how many; 0 at the end. */
size_t walk_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals);
/* 0, or ENOENT if the address is no memory of the allocator. */
int walk_find(uintptr_t addr, lunalloc_location_t *out);
/* Walks all extents and asks the system page by page which are resident. 0, or ENOSYS where the system does not
 * tell. */
int walk_reconcile(lunalloc_reconciliation_t *out);

/* ---- pure parts, which serve copies of another process's structures, too ---- */

/* The public copy of a descriptor, but for the counts of a slab's regions. */
static inline lunalloc_extent_t
walk_descriptor(const extent_t *e) REQUIRES(role_extents) {
    return (lunalloc_extent_t){
        .addr = e->addr,
        .size = e->size,
        .arena = extent_arena(e),
        .state = (lunalloc_state_t)extent_state(e),
        .szind = e->szind,
        .slab = e->slab,
        .is_head = e->is_head,
        .committed = e->committed,
        .zeroed = e->zeroed,
        .sn = e->sn,
        .lru = e->lru_stamp,
    };
}

/* Where a reconciliation counts the bytes of a state. */
static inline lunalloc_residency_t *
walk_residency(lunalloc_reconciliation_t *out, lunalloc_state_t state) {
    switch (state) {
    case LUNALLOC_DIRTY:
        return &out->dirty;
    case LUNALLOC_MUZZY:
        return &out->muzzy;
    case LUNALLOC_RETAINED:
        return &out->retained;
    default:
        return &out->active;
    }
}

#endif

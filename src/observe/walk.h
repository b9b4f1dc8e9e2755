/* walk.h -- copies of descriptors: the extents of an arena in order, and the one that an address belongs to.
 * Thread-safe. */
#ifndef LUNALLOC_OBSERVE_WALK_H
#define LUNALLOC_OBSERVE_WALK_H

#include "lunalloc.h"

size_t walk_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals);
/* 0, or ENOENT. */
int walk_find(uintptr_t addr, lunalloc_location_t *out);

#endif

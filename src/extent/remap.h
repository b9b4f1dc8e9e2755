/*
 * remap.h -- gives a large allocation the memory of dirty extents that are too small for it. Internal to this folder.
 *
 * The system enters the memory at another address (mremap), in some microseconds for any size, where fresh pages take a
 * page fault each. The address ranges of the donors become retained.
 *
 * Only for arenas without hooks. If hooks are set while memory moves, they are in force from the next operation on. Not
 * for hugepage-aware arenas, whose huge pages stay whole.
 */
#ifndef LUNALLOC_EXTENT_REMAP_H
#define LUNALLOC_EXTENT_REMAP_H

#include "extent/page_state.h"

/* The least size that is moved: each moved piece becomes a mapping of its own, and every processor that runs the
 * process has to forget its old address. */
#define REMAP_MIN (config_torture ? sc.page : (size_t)1 << 20)

/* Is it worth trying for an allocation of that size, and possible? */
bool pa_may_remap(page_alloc_t *pa, size_t size);
/* Moves the memory of dirty extents to e, busy or the caller's, whose bytes from `from` on are fresh. *touched: they do
 * not read as zeros any more. False: e is lost, and so is its descriptor. */
bool pa_remap(page_alloc_t *pa, extent_t *e, size_t from, bool *touched) EXCLUDES(role_extents);

#endif

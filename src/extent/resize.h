/*
 * resize.h -- large allocations that grow: in place, or at another address without copying.
 *
 * Try pa_expand first. Where the pages behind the extent are not free, pa_relocate lets the system move its memory to a
 * larger extent, which takes some microseconds for any size. If that fails too, the caller allocates, copies and frees.
 * To make an extent smaller, see pa_shrink in page_alloc.h.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_RESIZE_H
#define LUNALLOC_EXTENT_RESIZE_H

#include "extent/page_state.h"

/* Grows e to `size` bytes by appending the free pages behind it, and sets the szind. False: nothing changed. */
bool pa_expand(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind);
/* Moves the memory of e to an extent of `size` bytes, which is returned; e is free then. The class of e has been
 * cleared from the page map. NULL: nothing changed, because copying is cheaper, or because there is no place. */
extent_t *pa_relocate(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) EXCLUDES(role_extents);

#endif

/*
 * guard.h -- guard pages: the last page of an extent, beyond the requested size, which faults when touched.
 *
 * For arenas with the `guard` setting, whose pages are the system's. A guard page is a mapping of its own, of which a
 * process may have a limited number (mappings.h). Once that is used up, an extent has none, and is counted in
 * missing_guards.
 *
 * Called by page_alloc.c, without locks of the core. Internal to this folder.
 */
#ifndef LUNALLOC_EXTENT_GUARD_H
#define LUNALLOC_EXTENT_GUARD_H

#include "extent/page_state.h"

/* May there be one more guard page? */
bool guard_available(void);
/* Makes the last page of active e a guard. False: there are too many, or the system refuses. */
bool guard_add(page_alloc_t *pa, extent_t *e);
/* Makes the guard page of e an ordinary one. False: the system refuses, and the page stays inaccessible. */
bool guard_remove(page_alloc_t *pa, extent_t *e);
/* Frees such an extent, as one whose pages have to be committed anew. */
void guard_retain(page_alloc_t *pa, extent_t *e);

#endif

/*
 * coalesce.h -- how extents are cut, joined and merged with their neighbours. Internal to this folder.
 *
 * Use it to free a busy extent (pa_insert, pa_put), or to take a part out of one (pa_carve).
 *
 * All but pa_put and pa_coalesce_across run with the lock of collection x held. They release it while an arena's own
 * hooks are called. The extents concerned are busy or the caller's meanwhile. What the caller read from x
 * before, it must read again.
 */
#ifndef LUNALLOC_EXTENT_COALESCE_H
#define LUNALLOC_EXTENT_COALESCE_H

#include "extent/page_state.h"

/* Frees e, busy or the caller's: merges it with its neighbours in x, and inserts the result there. */
void pa_insert(page_alloc_t *pa, extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The same without the lock, which it takes. Sets before whether the pages are committed and read as zeros. */
void pa_put(page_alloc_t *pa, extents_t *x, extent_t *e, bool committed, bool zeroed) EXCLUDES(role_extents);

/* Cuts e, busy or the caller's, after size_a bytes. Returns the rest, busy; NULL if the split hook refuses, or no
 * descriptor can be allocated. */
extent_t *pa_split(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) REQUIRES(role_extents);
/* Appends b, busy, to a, busy or the caller's, which ends where b starts; b's descriptor is gone. False if the merge
 * hook refuses. */
bool pa_join(page_alloc_t *pa, extents_t *x, extent_t *a, extent_t *b) REQUIRES(role_extents);
/* The same of pages from the system: no hook is called, and the lock is held throughout. */
extent_t *pa_split_no_hook(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) REQUIRES(role_extents);
void pa_join_no_hook(extents_t *x, extent_t *a, extent_t *b) REQUIRES(role_extents);

/* Cuts [addr, addr + size) out of busy e and inserts the rest into x. NULL if that is refused: all of e is in x. */
extent_t *pa_carve(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t addr, size_t size) REQUIRES(role_extents);

/* Cross-state coalescing (coalesce_across.c): a busy, committed extent of `size` bytes that consists of a dirty extent
 * and the free ones beside it, of any state; NULL if there is no such place. */
extent_t *pa_coalesce_across(page_alloc_t *pa, size_t size) EXCLUDES(role_extents);

#endif

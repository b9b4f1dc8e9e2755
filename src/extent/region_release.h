/*
 * region_release.h -- how regions leave an arena: given back to their provider, or lost.
 *
 * Only whole regions are given back, and only those that are wholly retained. The system always takes one. A dalloc
 * hook may refuse; the region stays retained then, as the youngest one.
 *
 * A loss: while the system moves memory (os/pages.h, pages_move), an address range may become unusable. It is cut out
 * of its region. What is left at both sides are two regions of one serial number.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_REGION_RELEASE_H
#define LUNALLOC_EXTENT_REGION_RELEASE_H

#include "extent/page_state.h"

/* Gives back all regions that are wholly retained now. True if at least one was taken. */
bool pa_release_unused(page_alloc_t *pa);
/* The same, but ends at the first one that is refused: a provider that refuses one is likely to refuse all, and would
 * be called for all of them after each purge. */
void pa_offer_unused(page_alloc_t *pa);
/* Call it after pages became retained. Gives back wholly retained regions, unless they are kept: the system's are
 * kept with opt.retain, those of hooks if there is no dalloc hook. */
void pa_note_retained(page_alloc_t *pa);
/* Gives back all wholly retained regions of an arena that is being destroyed: none can be refused (hook_destroy). */
void pa_destroy_unused(page_alloc_t *pa);

/* Forgets e, the caller's or busy, without a class: some of its pages were lost. Takes a record (pa_new_record), which
 * the second side of the loss may need. */
void pa_lose(page_alloc_t *pa, extent_t *e, region_t *record) EXCLUDES(role_extents);

#endif

/*
 * slab_pages.h -- gives back the free pages inside of slabs that are in part use.
 *
 * Use it on request, where objects that live long are spread over many slabs: no such slab becomes empty, so the page
 * layer never gets its pages. It costs a system call for each run of free pages, also for one that was given back
 * before and not used since; so decay does not do it.
 *
 * The free regions that overlap the pages are taken from the slab, as for an allocation. Then the pages belong to the
 * calling thread, and it purges them without a lock. At last it frees the regions. Counters of regions and flushes
 * count them.
 */
#ifndef LUNALLOC_ARENA_SLAB_PAGES_H
#define LUNALLOC_ARENA_SLAB_PAGES_H

#include "arena/arena.h"

/* Purges the free pages of the slabs of one arena, except those of each bin's current slab. Returns bytes. Nobody may
 * reset the arena meanwhile: a manual one has a thread bound to it. Thread-safe; no lock of the core is held. */
size_t arena_purge_slabs(arena_t *arena) EXCLUDES(role_bin);

#endif

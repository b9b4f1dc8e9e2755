/*
 * slab_decay.h -- gives back the free pages inside of slabs that are in part use, as they age.
 *
 * Where objects that live long are spread over many slabs, no such slab becomes empty, so the page layer never gets its
 * pages. Here they are given back after slab_decay_ms: of pages that became free together, the share that stays falls
 * along the curve of dirty pages (decay.h). Slabs with discarded pages are refilled last (bin.h).
 *
 * No free and no allocation knows of it. A *pass* looks at all slabs of an arena that have a free region, except those
 * that are current. Between two passes such a slab loses no free page while it stays in a bucket; so pages that are
 * free in two passes were free between them, and their age is the time since the first. A pass
 *   1. looks at up to 64 slabs of a bin under the bin's lock, and holds the pages that are due (slab_pages.h)
 *   2. purges them, without a lock, by the hooks of the arena
 *   3. makes their regions free again
 *
 * When. There are 8 passes in a decay time, and none while nothing ages and no region of the arena changes hands. A
 * pass takes at most a 50th of the time, its purges aside: the next one is later if there are many slabs. As of dirty
 * pages, the background thread makes the passes where it runs, else the threads do, on their slow paths.
 *
 * A pass ends at the first purge that is refused, as by hooks that cannot purge a part of a slab, or where a system can
 * only decommit: nothing has changed then, and the pages age anew. An arena that is hugepage-aware keeps its pages, but
 * for those that arena_purge_slabs gives back.
 *
 * One thread at a time makes a pass in an arena. A reset waits for it. A fork does not: in the child, pages that
 * another thread held are resident again (slab_pass.h).
 *
 * Thread-safe. On entry no lock of the core is held. Times are in ns unless the name says ms.
 */
#ifndef LUNALLOC_ARENA_SLAB_DECAY_H
#define LUNALLOC_ARENA_SLAB_DECAY_H

#include "arena/arena.h"

/* Gives back all free pages of slabs in part use, whatever their age. Returns bytes; 0 for a manual arena that is being
 * reset, or inside of a hook that a pass over the arena has called. */
size_t arena_purge_slabs(arena_t *arena) EXCLUDES(role_bin);
/* Makes a pass. */
void arena_decay_slabs(arena_t *arena, uint64_t now) EXCLUDES(role_bin);
/* Sets the decay time, -1 (never) .. DECAY_MS_MAX, and makes a pass. */
void arena_set_slab_decay_ms(arena_t *arena, int64_t ms, uint64_t now) EXCLUDES(role_bin);

/* For the background thread: what pa_background does, and a pass if one is due. Returns when to call it again;
 * UINT64_MAX: not before a wake. */
uint64_t arena_background(arena_t *arena, uint64_t now) EXCLUDES(role_bin);

void arena_tick_slow(arena_t *arena, uint64_t now) EXCLUDES(role_bin);

/* On slow paths, now and then: makes a pass, or wakes the background thread, if it is time. */
static inline void
arena_tick(arena_t *arena, uint64_t now) {
    if (UNLIKELY(now >= atomic_get(&arena->slab_decay.due))) {
        arena_tick_slow(arena, now);
    }
}

#endif

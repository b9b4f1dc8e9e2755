/*
 * slab_pass.h -- who makes a pass over the slabs of an arena (slab_decay.h), and the slabs that the pass holds.
 *
 * One thread at a time makes a pass in an arena: between slab_pass_begin and slab_pass_end the passer is its mark. A
 * pass keeps the slabs that it holds in slab_decay.held, of one bin at a time, so that the child of a fork finds them.
 *
 * Thread-safe. Times are in ns unless the name says ms.
 */
#ifndef LUNALLOC_ARENA_SLAB_PASS_H
#define LUNALLOC_ARENA_SLAB_PASS_H

#include "arena/arena.h"

#define SLAB_PASS_LEAST_INTERVAL UINT64_C(10000000)

/* The usual time between two passes with that decay time. */
uint64_t slab_pass_interval(int64_t ms);

/* False: another thread makes one, the caller does (slab_pass_is_own), or the arena does not live. */
bool slab_pass_begin(arena_t *arena);
void slab_pass_end(arena_t *arena);
/* Does the calling thread make one? It is in a hook then. */
bool slab_pass_is_own(const arena_t *arena);

/* NULL: none is held. For the thread that makes the pass. */
extent_t *slab_pass_first_held(const arena_t *arena);
/* Returns a held slab to its bin, with the pages that were given back. What was refused ages anew. `emptied`: as
 * bin_unhold has it. */
void slab_pass_return(bin_t *bin, extent_t *slab, uint64_t done, uint64_t now, list_t *emptied) REQUIRES(role_bin);

/* For a new arena. */
void arena_init_slab_decay(arena_t *arena, int64_t ms, uint64_t now);
/* For a reset, after the arena's life has become `clearing`: waits until no pass is made. False if the calling thread
 * is in a hook that a pass over this arena has called. */
bool arena_wait_for_pass(arena_t *arena);
/* In the child of a fork, if a pass is under way: it ends, unless it is the calling thread's own. */
void arena_abandon_pass(arena_t *arena);

#endif

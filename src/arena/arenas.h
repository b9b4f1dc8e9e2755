/*
 * arenas.h -- the table of all arenas: find one by index, make one, walk over all.
 *
 * An *automatic* arena serves threads that chose none (arenas_bind.h); it is made when a thread first needs it. A
 * *manual* arena is made by arenas_create, and serves only the threads and calls that name it; it can be reset and
 * destroyed (arenas_reset.c). The index of a destroyed arena is used again. An arena_t is never freed: a pointer from
 * the table stays valid, and `life` says whether the arena is alive.
 *
 * To walk over all arenas: for i in 0 .. arenas_count() - 1, skipping those for which arenas_get(i) is NULL.
 *
 * Thread-safe. Lookups take no lock; the table is written under one (RANK_ARENAS).
 */
#ifndef LUNALLOC_ARENA_ARENAS_H
#define LUNALLOC_ARENA_ARENAS_H

#include "arena/arena.h"

#define ARENAS_MAX 4096

extern _Atomic(arena_t *) arenas_table[ARENAS_MAX];

/* The arena of any index; NULL if it was never made. A destroyed arena is returned, too. */
static inline arena_t *
arenas_get(uint32_t index) {
    return index < ARENAS_MAX ? atomic_get_acquire(&arenas_table[index]) : NULL;
}

/* Synchronization: written under the table's lock, read at any time. */
extern _Atomic uint32_t arenas_end;

/* One more than the highest index that was ever made or reserved. */
static inline uint32_t
arenas_count(void) {
    return atomic_get_acquire(&arenas_end);
}

/* Makes arena 0 and reserves the indices 0 .. nauto - 1 for automatic arenas. False if memory is exhausted. Boot
 * only. */
bool arenas_boot(uint32_t nauto);

/* How many arenas have been destroyed so far. */
uint32_t arenas_ndestroyed(void);
bool arenas_alive(uint32_t index) EXCLUDES(role_arenas);
/* The arena of an index if it is alive; makes it if the index is reserved. NULL if neither, or if memory is
 * exhausted. */
arena_t *arenas_want(uint32_t index) EXCLUDES(role_arenas);
/* A new manual arena; NULL if memory is exhausted or ARENAS_MAX are in use. */
arena_t *arenas_create(void) EXCLUDES(role_arenas);

/* Frees everything that lives in a manual arena; arenas_destroy gives its address space back, too, and frees its index.
 * Nobody may use the arena's memory meanwhile or afterwards. 0; EINVAL unless it is a living manual arena other than
 * the oversize one (arenas_special.h); EAGAIN while threads are bound to it. */
int arenas_reset(uint32_t index) EXCLUDES(role_arenas);
int arenas_destroy(uint32_t index) EXCLUDES(role_arenas);

/* True once a manual arena was made or an allocation sampled: some memory must not enter caches from then on.
 * Relaxed. */
extern _Atomic bool arenas_uncached_made;

/* Sets the number of bin shards of a small class in all arenas (1 .. SHARDS_MAX), and gives back empty slabs of shards
 * that become surplus. */
void arenas_set_nshards(uint32_t szind, uint32_t n) EXCLUDES(role_arenas);
/* Purges all arenas, then gives wholly free regions back to the system. True if there were any. */
bool arenas_release_unused(void);

/* The table's lock, for its counters. */
lock_t *arenas_mutex(void);

/* For fork: the table's lock, then the locks of all arenas, rank by rank. */
void arenas_prefork(void);
void arenas_postfork(bool child);

#endif

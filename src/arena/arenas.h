/*
 * arenas.h -- the table of arenas: creation, binding of threads, destruction.
 *
 * Automatic arenas serve threads that did not ask for one. They fill numbered slots, made when a thread first needs
 * them; how many slots are in use may change at any time. Threads are asked to notice (base/generation.h), by a generation
 * number: those of a retired slot move away, and others move if that evens out the load. A retired arena keeps what
 * lives in it; it is used again when the number rises. Once its last thread has left it is *no_retain*: what is free
 * there goes back to the system at once, whatever its decay times.
 *
 * Manual arenas are made by request and used only by threads that ask. Indices of destroyed arenas are used again.
 * Thread-safe.
 */
#ifndef LUNALLOC_ARENA_ARENAS_H
#define LUNALLOC_ARENA_ARENAS_H

#include "arena/arena.h"

#define ARENAS_MAX 4096

extern _Atomic(arena_t *) arenas_table[ARENAS_MAX];

/* An arena by index; NULL if it was never made. Any index may be asked. A destroyed arena is there, but not alive. */
static inline arena_t *
arenas_get(uint32_t index) {
    return index < ARENAS_MAX ? atomic_get_acquire(&arenas_table[index]) : NULL;
}

#define ARENAS_MAX_AUTO 256

/* Oversize allocations: of this class or a larger one. Synchronization: constant after boot. */
extern uint32_t arenas_oversize_from;
/* Their arena, whose free pages go at once; made at the first call. It is not automatic, nor can it be reset or
 * destroyed. NULL without memory. */
arena_t *arenas_oversize(void);
/* Does an extent of the arena that is to be of that class belong to arenas_oversize? */
bool arenas_outgrows(const arena_t *arena, uint32_t szind);

/* Makes arena 0, and keeps the indices 0 .. nauto - 1 for automatic ones. False without memory. Boot only. */
bool arenas_boot(uint32_t nauto);
/* One more than the highest index that was ever made or kept. */
uint32_t arenas_count(void);
/* How many arenas have been destroyed so far. */
uint32_t arenas_ndestroyed(void);
/* Slots in use; changes with the generation. n: 1 .. ARENAS_MAX_AUTO. */
uint32_t arenas_nauto(void);
void arenas_set_nauto(uint32_t n) EXCLUDES(role_arenas);
uint32_t arenas_generation(void);
/* The number of shards of a small class in all arenas, 1 .. SHARDS_MAX, from now on; what is empty in surplus ones is
 * given back. */
void arenas_set_nshards(uint32_t szind, uint32_t n) EXCLUDES(role_arenas);
bool arenas_alive(uint32_t index) EXCLUDES(role_arenas);
/* An arena that is alive; an automatic one is made if it is not there yet. NULL if there is none of this index. */
arena_t *arenas_want(uint32_t index) EXCLUDES(role_arenas);

/* The automatic arena with the fewest threads (lowest index among equals), made if need be; counts one thread more. */
arena_t *arenas_bind_auto(void) EXCLUDES(role_arenas);
/*
 * Where a thread of this automatic arena should be now: counts it there and no longer here if that is another arena.
 * For manual arenas and for those whose load is even, the arena itself.
 */
arena_t *arenas_rebind(arena_t *arena) EXCLUDES(role_arenas);
/* The arena of an index, if it is alive (see arenas_want); counts one thread more. NULL if there is none. */
arena_t *arenas_bind_to(uint32_t index) EXCLUDES(role_arenas);
/* Counts one thread more, or less, on an arena. */
void arenas_bind(arena_t *arena) EXCLUDES(role_arenas);
void arenas_unbind(arena_t *arena) EXCLUDES(role_arenas);
/* In the child of a fork: the threads are gone. */
void arenas_unbind_all(void) EXCLUDES(role_arenas);

/* A manual arena was made at some time, or allocations were sampled: some memory must not enter caches. Relaxed. */
extern _Atomic bool arenas_uncached_made;

/* An automatic arena that takes its memory from the system; for allocations inside of hooks. NULL without memory. */
arena_t *arenas_fallback(void) EXCLUDES(role_arenas);

/* Gives regions back that hold nothing, of all arenas, purging first. True if there were any. */
bool arenas_release_unused(void);

/* A new manual arena; NULL without memory or with ARENAS_MAX in use. */
arena_t *arenas_create(void) EXCLUDES(role_arenas);
/* 0, or EINVAL for an automatic arena or none, EAGAIN while threads are bound to it. */
int arenas_reset(uint32_t index) EXCLUDES(role_arenas);
int arenas_destroy(uint32_t index) EXCLUDES(role_arenas);

/* For its figures. */
lock_t *arenas_mutex(void);

/* Locks for fork, rank by rank over all arenas. */
void arenas_prefork(void);
void arenas_postfork(bool child);

#endif

/*
 * arenas.h -- the table of arenas: creation, binding of threads, destruction.
 *
 * Automatic arenas come first, 0 .. options.narenas - 1, and are made when a thread first needs them; manual ones are
 * made by request and used only by threads that ask. Indices of destroyed arenas are used again. Thread-safe.
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

/* Makes arena 0. False without memory. Boot only. */
bool arenas_boot(uint32_t nauto);
/* One more than the highest index that was ever made. */
uint32_t arenas_count(void);
uint32_t arenas_nauto(void);
bool arenas_alive(uint32_t index) EXCLUDES(role_arenas);
/* An arena that is alive; an automatic one is made if it is not there yet. NULL if there is none of this index. */
arena_t *arenas_want(uint32_t index) EXCLUDES(role_arenas);

/* The automatic arena with the fewest threads (lowest index among equals), made if need be; counts one thread more. */
arena_t *arenas_bind_auto(void) EXCLUDES(role_arenas);
/* The arena of an index, if it is alive (see arenas_want); counts one thread more. NULL if there is none. */
arena_t *arenas_bind_to(uint32_t index) EXCLUDES(role_arenas);
/* Counts one thread more, or less, on an arena. */
void arenas_bind(arena_t *arena);
void arenas_unbind(arena_t *arena);

/* A manual arena was made at some time: some memory must not enter caches. Relaxed. */
extern _Atomic bool arenas_manual_made;

/* Gives regions back that hold nothing, of all arenas, purging first. True if there were any. */
bool arenas_release_unused(void);

/* A new manual arena; NULL without memory or with ARENAS_MAX in use. */
arena_t *arenas_create(void) EXCLUDES(role_arenas);
/* 0, or EINVAL for an automatic arena or none, EAGAIN while threads are bound to it. */
int arenas_reset(uint32_t index) EXCLUDES(role_arenas);
int arenas_destroy(uint32_t index) EXCLUDES(role_arenas);

/* Locks for fork, rank by rank over all arenas. */
void arenas_prefork(void);
void arenas_postfork(bool child);

#endif

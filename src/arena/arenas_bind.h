/*
 * arenas_bind.h -- which arena serves a thread.
 *
 * A new thread calls arenas_bind_auto, which spreads threads evenly over the automatic arenas. These stand in numbered
 * *slots*, of which the first arenas_nauto() are in use; the arena of a slot is made when a thread first needs it.
 *
 * arenas_set_nauto changes the number at any time: it raises arenas_generation() and bumps the config generation
 * (base/options.h). Each thread that sees the new number calls arenas_rebind, which moves it if its slot is retired,
 * or if another slot has at least two threads fewer.
 *
 * A retired arena keeps its live allocations. When its last thread has left it becomes *no-retain*: free pages go back
 * to the system at once, whatever its decay times. It serves again when the number rises.
 *
 * Thread-safe.
 */
#ifndef LUNALLOC_ARENA_ARENAS_BIND_H
#define LUNALLOC_ARENA_ARENAS_BIND_H

#include "arena/arenas.h"

#define ARENAS_MAX_AUTO 256

/* After arenas_boot: slots 0 .. nauto - 1 stand for the arenas of the same index. */
void arenas_bind_boot(uint32_t nauto) EXCLUDES(role_arenas);

/* Slots in use, 1 .. ARENAS_MAX_AUTO. */
uint32_t arenas_nauto(void);
void arenas_set_nauto(uint32_t n) EXCLUDES(role_arenas);
/* Rises with each arenas_set_nauto. */
uint32_t arenas_generation(void);

/* Binds a thread to the slot with the fewest threads, the lowest among equals. */
arena_t *arenas_bind_auto(void) EXCLUDES(role_arenas);
/* Binds a thread to the arena of an index (arenas_want). NULL if there is none. */
arena_t *arenas_bind_to(uint32_t index) EXCLUDES(role_arenas);
/* Binds a thread to an arena, or unbinds it. */
void arenas_bind(arena_t *arena) EXCLUDES(role_arenas);
void arenas_unbind(arena_t *arena) EXCLUDES(role_arenas);
/* Moves a thread from its automatic arena to where it should be now, and returns that arena: the same one if the load
 * is even, or if the arena is a manual one. */
arena_t *arenas_rebind(arena_t *arena) EXCLUDES(role_arenas);
/* Unbinds all threads: in the child of a fork, which has none of them. */
void arenas_unbind_all(void) EXCLUDES(role_arenas);

#endif

/*
 * arenas_locked.h -- the table of arenas with its lock held. For files of arena/ whose decisions must be atomic with
 * making an arena or ending its life: binding, special arenas, reset. Everybody else uses arenas.h.
 */
#ifndef LUNALLOC_ARENA_ARENAS_LOCKED_H
#define LUNALLOC_ARENA_ARENAS_LOCKED_H

#include "arena/arenas.h"

void arenas_lock(void) ACQUIRE(role_arenas);
void arenas_unlock(void) RELEASE(role_arenas);

/* The lowest index that can be made; ARENAS_MAX if all are in use. */
uint32_t arenas_free_index_locked(void) REQUIRES(role_arenas);
/* Makes a free or reserved index a living arena. NULL if memory is exhausted. */
arena_t *arenas_make_locked(uint32_t index, bool manual) REQUIRES(role_arenas);
bool arenas_alive_locked(uint32_t index) REQUIRES(role_arenas);
/* As arenas_want. */
arena_t *arenas_want_locked(uint32_t index) REQUIRES(role_arenas);
/* Begins or ends clearing (arenas_reset.c). */
void arenas_set_life_locked(arena_t *arena, arena_life_t life) REQUIRES(role_arenas);

#endif

/*
 * arenas_special.h -- the arenas that stand in for a thread's own one.
 *
 *   fallback arena   serves allocations made inside a hook, which must not call hooks again
 *   oversize arena   serves allocations of opt.oversize_threshold bytes or more, so that they do not fragment the
 *                    automatic arenas, and returns their pages to the system at once
 *
 * Both are made at first use. Thread-safe.
 */
#ifndef LUNALLOC_ARENA_ARENAS_SPECIAL_H
#define LUNALLOC_ARENA_ARENAS_SPECIAL_H

#include "arena/arenas.h"

/* An automatic arena without hooks. NULL if memory is exhausted. */
arena_t *arenas_fallback(void) EXCLUDES(role_arenas);

/* After options are read. Boot only. */
void arenas_oversize_boot(void);
/* The least class of an oversize allocation; SC_NONE: there are none. Synchronization: constant after boot. */
extern uint32_t arenas_oversize_from;
/* The oversize arena. It is manual, so that no thread is bound to it and no cache takes its memory, but it cannot be
 * reset or destroyed. NULL if memory is exhausted. */
arena_t *arenas_oversize(void) EXCLUDES(role_arenas);
bool arenas_is_oversize(const arena_t *arena);
/* Whether an extent of this arena, resized to this class, would belong to the oversize arena. */
bool arenas_outgrows(const arena_t *arena, uint32_t szind);

#endif

/*
 * extents.h -- walkers over extents, as extents.c and extents_tally.c share them. A walker is a userdata of the type
 * CORE_WALKER.
 */
#ifndef LUNALLOC_LUA_EXTENTS_H
#define LUNALLOC_LUA_EXTENTS_H

#include "core.h"

typedef struct walker walker_t;

/*
 * Moves the walker at 1 on. *found is a copy, since the walker can be closed when Lua next allocates; *of is its
 * target. 0; ENOENT at the end; or the error of the target. A walk that has ended, or failed, is over.
 */
int walker_advance(lua_State *L, walker_t *walker, lunalloc_extent_t *found, const target_handle_t **of);

#endif

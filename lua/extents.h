/*
 * extents.h -- extents as Lua sees them, and walkers over them, as extents.c, extent_fields.c and extents_tally.c share
 * them. A walker is a userdata of the type CORE_WALKER, a record one of the type CORE_EXTENT.
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

/* ---- fields (extent_fields.c) ---- */

enum {
    EXTENT_FIELDS = 14,
    EXTENT_ALL_FIELDS = (1 << EXTENT_FIELDS) - 1,
    EXTENT_NAMES = EXTENT_FIELDS + LUNALLOC_BUSY + 1 /* of fields, then of states */
};

/* The names of states, in the order of lunalloc_state_t, and NULL. */
extern const char *const extent_states[];

/* The bit of the field with this name; 0 if there is none. */
uint32_t extent_field(const char *name);

/* Pushes EXTENT_NAMES texts. Functions that make many tables have them as first upvalues: Lua hashes no text anew. */
void extent_push_names(lua_State *L);

/* Sets these fields of the table at the top, which may have those of another extent. `kept`: the names are upvalues. */
void extent_set_fields(lua_State *L, bool kept, uint32_t fields, const lunalloc_extent_t *extent);

/* Pushes the type of records, which it makes. */
void extent_open_record_type(lua_State *L);

/* Pushes a record: a copy of the extent, whose fields are read by name. `type`: where the type of records is. */
void extent_push_record(lua_State *L, int type, const lunalloc_extent_t *extent);

#endif

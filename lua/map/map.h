/*
 * map.h -- sets of extents as Lua values: what the files of this folder that know Lua share.
 */
#ifndef LUNALLOC_LUA_MAP_MAP_H
#define LUNALLOC_LUA_MAP_MAP_H

#include "core.h"
#include "map/extent_set.h"
#include "map/raster.h"
#include "map/residency.h"

#define CORE_EXTENT_SET "lunalloc.extent_set"

/* The userdata. Lua code may close it: then both are empty. */
typedef struct {
    extent_set_t set;
    residency_t residency;
} map_heap_t;

/* Pushes an empty one. */
map_heap_t *map_push_heap(lua_State *L);
/* The one at `arg`; raises if it is none. The pointer is good as long as the value is on the stack; its sets may be
 * emptied by any Lua code. */
map_heap_t *map_check_heap(lua_State *L, int arg, const char *call);

/* The layout at `arg` and the two after it: bytes of a cell, number of cells, {start, end, cell, ...}. Pushes its
 * block, which has to stay. Raises if it is none. */
void map_check_layout(lua_State *L, int arg, map_layout_t *layout);
/* Each adds methods to the table at the top. */
void map_add_changes_methods(lua_State *L);   /* lua_changes.c */
void map_add_file_methods(lua_State *L);      /* lua_file.c */
void map_add_residency_methods(lua_State *L); /* lua_residency.c */
/* Pushes an array of bytes by key, and one of cells. */
void map_push_totals(lua_State *L, const map_totals_t *totals);

#endif

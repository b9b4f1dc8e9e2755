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
/* What a picture shows, by its name at `arg`; raises if there is none of that name. */
map_by_t map_check_by(lua_State *L, int arg);

/* Each adds methods to the table at the top. */
void map_add_changes_methods(lua_State *L);   /* lua_changes.c */
void map_add_file_methods(lua_State *L);      /* lua_file.c */
void map_add_residency_methods(lua_State *L); /* lua_residency.c */
void map_add_sums_methods(lua_State *L);      /* lua_sums.c */
/* Pushes an array of bytes by key, and one of cells. */
void map_push_totals(lua_State *L, const map_totals_t *totals);

/* ---- sums ---- */

enum {
    MAP_SUMS_ARENAS = 4097 /* that are told apart; the last one stands for all others */
};

typedef struct {
    uint64_t count, bytes, used, discarded;
} map_sum_t;

typedef struct {
    map_sum_t arenas[MAP_SUMS_ARENAS][EXTENT_STATES];
    map_sum_t classes[EXTENT_CLASSES]; /* of extents in use */
} map_sums_t;

/* Pushes a block with sums of nothing. */
map_sums_t *map_new_sums(lua_State *L);
/* `set` has the classes; nothing here calls Lua. */
void map_sums_add(map_sums_t *sums, const extent_set_t *set, const extent_entry_t *entries, size_t n);
/* Pushes {states=, arenas=, classes=}. */
void map_push_sums(lua_State *L, const map_sums_t *sums, const extent_set_t *set);

#endif

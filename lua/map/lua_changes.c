/* lua_changes.c -- two sets of extents compared, as Lua sees it. */
#include "map/changes.h"
#include "map/map.h"

static const char *const kind_names[] = {
    [CHANGE_NONE] = "unchanged",      [CHANGE_APPEARED] = "appeared", [CHANGE_GONE] = "gone",
    [CHANGE_ALLOCATED] = "allocated", [CHANGE_FREED] = "freed",       [CHANGE_PURGED] = "purged",
    [CHANGE_REUSED] = "reused",
};

static const char *
name_of(unsigned place) {
    return place == 0 ? "none" : core_state_name(place - 1);
}

/* {[before] = {[after] = bytes}}, of those that have any */
static void
push_matrix(lua_State *L, const change_matrix_t *matrix) {
    lua_newtable(L);
    for (unsigned was = 0; was <= EXTENT_STATES; was++) {
        lua_newtable(L);
        for (unsigned is = 0; is <= EXTENT_STATES; is++) {
            if (matrix->bytes[was][is] > 0) {
                core_set_integer(L, name_of(is), (lua_Integer)matrix->bytes[was][is]);
            }
        }
        core_set_value(L, name_of(was));
    }
}

/* changes(later): {[kind] = bytes}, and {[state before] = {[state after] = bytes}} */
static int
changes(lua_State *L) {
    const map_heap_t *before = map_check_heap(L, 1, "changes"), *after = map_check_heap(L, 2, "changes");
    change_matrix_t matrix;
    uint64_t kinds[CHANGE_KINDS];
    changes_sum(&before->set, &after->set, &matrix, kinds);
    lua_createtable(L, 0, CHANGE_KINDS);
    for (unsigned kind = 0; kind < CHANGE_KINDS; kind++) {
        core_set_integer(L, kind_names[kind], (lua_Integer)kinds[kind]);
    }
    push_matrix(L, &matrix);
    return 2;
}

/* changes_raster(later, arena, cell_bytes, ncells, {start, end, cell, ...}): as raster() */
static int
raster(lua_State *L) {
    const map_heap_t *before = map_check_heap(L, 1, "changes_raster"), *after = map_check_heap(L, 2, "changes_raster");
    uint32_t only = core_opt_index(L, 3, LUNALLOC_ALL);
    map_layout_t layout;
    map_totals_t totals;
    luaL_Buffer text;
    map_check_layout(L, 4, &layout);
    char *cells = luaL_buffinitsize(L, &text, layout.ncells);
    changes_raster(&before->set, &after->set, only, &layout, cells, &totals);
    luaL_pushresultsize(&text, layout.ncells);
    map_push_totals(L, &totals);
    return 3;
}

void
map_add_changes_methods(lua_State *L) {
    static const luaL_Reg methods[] = {{"changes", changes}, {"changes_raster", raster}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}

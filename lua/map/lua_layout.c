/* lua_layout.c -- layouts of cells as Lua values, and what a raster adds up. */
#include "core.h"
#include "map/map.h"

enum {
    CELLS_MAX = 2000 * 4096
};

map_by_t
map_check_by(lua_State *L, int arg) {
    static const char *const names[] = {"state", "occupancy", "age", "residency", "arena", "class", NULL};
    return (map_by_t)luaL_checkoption(L, arg, NULL, names);
}

static uint64_t
integer_at(lua_State *L, int table, size_t i) {
    lua_rawgeti(L, table, (lua_Integer)i);
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

void
map_check_layout(lua_State *L, int arg, map_layout_t *layout) {
    lua_Integer cell_bytes = luaL_checkinteger(L, arg), ncells = luaL_checkinteger(L, arg + 1);
    luaL_checktype(L, arg + 2, LUA_TTABLE);
    size_t n = lua_rawlen(L, arg + 2) / 3;
    luaL_argcheck(L, cell_bytes > 0, arg, "a positive number of bytes expected");
    luaL_argcheck(L, ncells >= 0 && ncells <= CELLS_MAX, arg + 1, "at most 8192000 cells expected");
    luaL_argcheck(L, n <= MAP_SPANS, arg + 2, "too many spans");
    map_span_t *list = lua_newuserdatauv(L, (n + 1) * sizeof(*list), 0);
    for (size_t i = 0; i < n; i++) {
        list[i] = (map_span_t){integer_at(L, arg + 2, 3 * i + 1), integer_at(L, arg + 2, 3 * i + 2),
                               integer_at(L, arg + 2, 3 * i + 3)};
    }
    *layout = (map_layout_t){list, n, (uint64_t)cell_bytes, (size_t)ncells};
    luaL_argcheck(L, map_layout_check(layout), arg + 2, "ascending spans {start, end, cell, ...} expected");
}

static void
push_by_key(lua_State *L, const uint64_t *numbers) {
    lua_createtable(L, MAP_KEYS, 0);
    for (int key = 0; key < MAP_KEYS; key++) {
        lua_pushinteger(L, (lua_Integer)numbers[key]);
        lua_rawseti(L, -2, key + 1);
    }
}

void
map_push_totals(lua_State *L, const map_totals_t *totals) {
    push_by_key(L, totals->bytes);
    push_by_key(L, totals->cells);
}

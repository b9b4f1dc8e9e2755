/* lua_heap.c -- the userdata of a set of extents: made, and found among arguments. */
#include "core.h"
#include "map/map.h"

#include <string.h>

map_heap_t *
map_push_heap(lua_State *L) {
    map_heap_t *heap = lua_newuserdatauv(L, sizeof(*heap), 0);
    memset(heap, 0, sizeof(*heap));
    luaL_setmetatable(L, CORE_EXTENT_SET);
    return heap;
}

map_heap_t *
map_check_heap(lua_State *L, int arg, const char *call) {
    map_heap_t *heap = luaL_testudata(L, arg, CORE_EXTENT_SET);
    if (heap == NULL) {
        core_bad_type(L, call, arg - 1, arg, "set of extents");
    }
    return heap;
}

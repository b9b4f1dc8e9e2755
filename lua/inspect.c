/*
 * inspect.c -- size classes, and the extent and region that an address belongs to.
 */
#include "core.h"

/* Pushes the table that la.sizeclasses() and la.find() have for a class. */
static void
push_class(lua_State *L, const lunalloc_sizeclass_t *sc) {
    lua_createtable(L, 0, 9);
    core_set_integer(L, "index", sc->index);
    core_set_integer(L, "size", (lua_Integer)sc->size);
    core_set_integer(L, "slab_size", (lua_Integer)sc->slab_size);
    core_set_integer(L, "nregs", sc->nregs);
    core_set_integer(L, "lg_group", sc->lg_group);
    core_set_integer(L, "lg_delta", sc->lg_delta);
    core_set_integer(L, "ndelta", sc->ndelta);
    core_set_integer(L, "cached_max", sc->cached_max);
    lua_pushnumber(L, sc->max_waste);
    core_set_value(L, "max_waste");
}

/* sizeclasses(): an array of all classes, small first; class i is at i + 1 */
static int
sizeclasses(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    if (api == NULL) {
        return core_not_loaded(L);
    }
    uint32_t n = api->nsizes();
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        lunalloc_sizeclass_t sc;
        if (api->sizeclass(i, &sc) == 0) {
            push_class(L, &sc);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    return 1;
}

/* sizeclass(n): the index and the size of the class that serves a request of n bytes */
static int
sizeclass(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    size_t size;
    lunalloc_sizeclass_t sc;
    int failed = core_to_size(L, "sizeclass", 1, 1, &size);
    if (failed != 0) {
        return failed;
    }
    if (api == NULL) {
        return core_not_loaded(L);
    }
    if (api->sizeclass_of(size, &sc) != 0) {
        lunalloc_sizeclass_t largest;
        bool known = api->sizeclass(api->nsizes() - 1, &largest) == 0;
        return core_fail(L, "ENOENT", "no size class for %zu bytes; the largest holds %zu", size,
                         known ? largest.size : 0);
    }
    lua_pushinteger(L, sc.index);
    lua_pushinteger(L, (lua_Integer)sc.size);
    return 2;
}

/* The argument as an address: an integer, a light userdata, or a buffer. */
static const void *
check_address(lua_State *L) {
    int integer = 0;
    const void *address = (const void *)(uintptr_t)lua_tointegerx(L, 1, &integer);
    if (lua_type(L, 1) == LUA_TNUMBER && integer) {
        return address;
    } else if (lua_islightuserdata(L, 1)) {
        return lua_touserdata(L, 1);
    } else if (!core_buffer_address(L, 1, &address)) {
        core_bad_type(L, "find", 1, 1, "address (integer, buffer or light userdata)");
    } else if (address == NULL) {
        core_bad_argument(L, "find", 1, "this buffer was freed");
    }
    return address;
}

/* Pushes the result of find(). Fields of the class and the region are absent in a free extent. */
static void
push_location(lua_State *L, const lunalloc_api_t *api, const lunalloc_location_t *at) {
    lunalloc_sizeclass_t sc;
    lua_createtable(L, 0, 9);
    core_push_extent(L, &at->extent);
    core_set_value(L, "extent");
    core_set_string(L, "state", core_state_name(at->extent.state));
    core_set_integer(L, "arena", at->extent.arena);
    core_set_boolean(L, "allocated", at->allocated);
    if (at->extent.szind != LUNALLOC_NONE && api->sizeclass(at->extent.szind, &sc) == 0) {
        push_class(L, &sc);
        core_set_value(L, "class");
        core_set_integer(L, "szind", at->extent.szind);
        core_set_integer(L, "region", at->region);
        core_set_integer(L, "region_addr", (lua_Integer)at->region_addr);
        core_set_integer(L, "region_size", (lua_Integer)at->region_size);
    }
}

/* find(address): the extent, class and region of an address */
static int
find(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    const void *address = check_address(L);
    lunalloc_location_t at;
    if (api == NULL) {
        return core_not_loaded(L);
    }
    if (api->find(address, &at) != 0) {
        return core_fail(L, "ENOENT", "%p is no memory of this allocator", address);
    }
    push_location(L, api, &at);
    return 1;
}

void
core_open_inspect(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"sizeclasses", sizeclasses}, {"sizeclass", sizeclass}, {"find", find}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

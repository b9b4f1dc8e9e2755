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

/* Pushes a block with all size classes. NULL after pushing a failure. */
static const lunalloc_sizeclass_t *
push_sizes(lua_State *L, target_handle_t *target, uint32_t *n) {
    lunalloc_sizeclass_t *sizes = NULL;
    int error = target->ops->nsizes(target, n);
    if (error == 0) {
        sizes = lua_newuserdatauv(L, *n * sizeof(*sizes), 0);
        error = target->ops->sizeclasses(target, sizes);
    }
    if (error != 0) {
        core_fail_target(L, error, target);
        return NULL;
    }
    return sizes;
}

/* sizeclasses(): an array of all classes, small first; class i is at i + 1 */
static int
sizeclasses(lua_State *L) {
    target_handle_t *target = core_target(L);
    uint32_t n;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    const lunalloc_sizeclass_t *sizes = push_sizes(L, target, &n);
    if (sizes == NULL) {
        return 3;
    }
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        push_class(L, &sizes[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* sizeclass(n): the index and the size of the class that serves a request of n bytes */
static int
sizeclass(lua_State *L) {
    target_handle_t *target = core_target(L);
    size_t size;
    lunalloc_sizeclass_t sc;
    int failed = core_to_size(L, "sizeclass", 1, 1, &size);
    if (failed != 0) {
        return failed;
    }
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->sizeclass_of(target, size, &sc);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushinteger(L, sc.index);
    lua_pushinteger(L, (lua_Integer)sc.size);
    return 2;
}

/* The argument as an address: an integer, a light userdata, or a buffer. */
static uintptr_t
check_address(lua_State *L) {
    int integer = 0;
    lua_Integer number = lua_tointegerx(L, 1, &integer);
    const void *address;
    if (lua_type(L, 1) == LUA_TNUMBER && integer) {
        return (uintptr_t)number;
    } else if (lua_islightuserdata(L, 1)) {
        return (uintptr_t)lua_touserdata(L, 1);
    } else if (!core_buffer_address(L, 1, &address)) {
        core_bad_type(L, "find", 1, 1, "address (integer, buffer or light userdata)");
    } else if (address == NULL) {
        core_bad_argument(L, "find", 1, "this buffer was freed");
    }
    return (uintptr_t)address;
}

/* Pushes the result of find(). `sc`: the class; NULL of a free extent, which lacks its fields and the region's. */
static void
push_location(lua_State *L, const lunalloc_location_t *at, const lunalloc_sizeclass_t *sc) {
    lua_createtable(L, 0, 9);
    core_push_extent(L, &at->extent);
    core_set_value(L, "extent");
    core_set_string(L, "state", core_state_name(at->extent.state));
    core_set_integer(L, "arena", at->extent.arena);
    core_set_boolean(L, "allocated", at->allocated);
    if (sc != NULL) {
        push_class(L, sc);
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
    target_handle_t *target = core_target(L);
    uintptr_t address = check_address(L);
    lunalloc_location_t at;
    uint32_t n = 0;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->find(target, address, &at);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    const lunalloc_sizeclass_t *sizes = push_sizes(L, target, &n);
    if (sizes == NULL) {
        return 3;
    }
    push_location(L, &at, at.extent.szind < n ? &sizes[at.extent.szind] : NULL);
    return 1;
}

void
core_add_inspect(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"sizeclasses", sizeclasses}, {"sizeclass", sizeclass}, {"find", find}, {NULL, NULL}};
    core_add_functions(L, functions);
}

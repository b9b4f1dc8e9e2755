/*
 * lua_target.c -- targets as Lua values: the userdata that owns a handle. Functions for a target have it as their first
 * upvalue, so the handle lives as long as one of them, or an object that one of them made.
 */
#include "core.h"

/* NULL: the allocator of this process is not loaded, or the target is not connected yet, or was finalized. */
typedef struct {
    target_handle_t *handle;
} owner_t;

target_handle_t *
core_target_at(lua_State *L, int stack) {
    const owner_t *owner = lua_touserdata(L, stack);
    return owner->handle;
}

target_handle_t *
core_target(lua_State *L) {
    return core_target_at(L, lua_upvalueindex(1));
}

void
core_push_target(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
}

target_handle_t **
core_new_target(lua_State *L) {
    owner_t *owner = lua_newuserdatauv(L, sizeof(*owner), 1);
    owner->handle = NULL;
    luaL_setmetatable(L, CORE_TARGET);
    return &owner->handle;
}

/* Its memory is a user value, so that it serves finalizers that run after its own, while the state is closed. */
void
core_push_self(lua_State *L) {
    target_handle_t **self = core_new_target(L);
    if (loader_api() != NULL) {
        target_handle_t *handle = lua_newuserdatauv(L, sizeof(*handle), 0);
        target_self_init(handle);
        lua_setiuservalue(L, -2, 1);
        *self = handle;
    }
}

/* ---- methods ---- */

static int
target_close(lua_State *L) {
    const owner_t *owner = core_check_self(L, CORE_TARGET, "target:close");
    if (owner->handle != NULL) {
        owner->handle->ops->close(owner->handle);
    }
    return 0;
}

static int
target_gc(lua_State *L) {
    owner_t *owner = luaL_checkudata(L, 1, CORE_TARGET);
    target_handle_t *handle = owner->handle;
    if (handle != NULL && handle->ops->free != NULL) {
        owner->handle = NULL;
        handle->ops->close(handle);
        handle->ops->free(handle);
    }
    return 0;
}

/* way(): "self", "agent", "memory" or "core" */
static int
target_way(lua_State *L) {
    const owner_t *owner = core_check_self(L, CORE_TARGET, "target:way");
    lua_pushstring(L, owner->handle != NULL ? owner->handle->way : "self");
    return 1;
}

/* check(): true while the target is there; nil, message, code once it is gone */
static int
target_check(lua_State *L) {
    const owner_t *owner = core_check_self(L, CORE_TARGET, "target:check");
    target_handle_t *handle = owner->handle;
    int error = handle != NULL ? handle->ops->check(handle) : 0;
    if (error != 0) {
        return core_fail_target(L, error, handle);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- what other files need ---- */

void
core_add_functions(lua_State *L, const luaL_Reg *functions) {
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, functions, 1);
}

void
core_open_target_type(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"close", target_close}, {"way", target_way}, {"check", target_check}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__close", target_close}, {"__gc", target_gc}, {NULL, NULL}};
    core_new_type(L, CORE_TARGET, metamethods, methods);
}

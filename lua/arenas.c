/*
 * arenas.c -- a new arena with its settings and hooks, or none.
 *
 * The arena exists from one call to the next, so between the two nothing may raise: the settings lie ready as text, and
 * what is refused is undone here.
 */
#include "core.h"

#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_SIZE = 512,
    NAME_SIZE = 128
};

/* arena.<arena>.<key> = the text; NULL: the action of that name. */
static int
set_one(const lunalloc_api_t *api, uint32_t arena, const char *key, const char *text, char *message, size_t size) {
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "arena.%u.%s", (unsigned)arena, key);
    return api->ctl_set(name, text, message, size);
}

/* The settings keys[i] = values[i], arrays at 1 and 2. 0, or an errno value and a line. */
static int
set_all(lua_State *L, const lunalloc_api_t *api, uint32_t arena, char *message, size_t size) {
    int error = 0;
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= n && error == 0; i++) {
        lua_rawgeti(L, 1, i);
        lua_rawgeti(L, 2, i);
        error = set_one(api, arena, lua_tostring(L, -2), lua_tostring(L, -1), message, size);
        lua_pop(L, 2);
    }
    return error;
}

/* Makes the elements of the arrays at 1 and 2 text, in copies that take their places. */
static void
prepare(lua_State *L) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (int array = 1; array <= 2; array++) {
        lua_createtable(L, (int)n, 0);
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, array, i);
            lua_pushstring(L, core_check_text(L, "arena.create", 1, lua_gettop(L)));
            luaL_argcheck(L, !lua_isnil(L, -1), array, "an array of names, and one of their values, expected");
            lua_rawseti(L, -3, i);
            lua_pop(L, 1);
        }
        lua_replace(L, array);
    }
}

/* arena_create(keys, values, counting): the index of a new arena with arena.<i>.keys[n] = values[n], and with counting
 * hooks if so; nil, message, code leaves no arena behind */
static int
arena_create(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    char message[MESSAGE_SIZE] = "", ignored[MESSAGE_SIZE];
    lunalloc_value_t made;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 10, NULL);
    prepare(L);
    if (api == NULL) {
        return core_not_loaded(L);
    }
    int error = api->ctl_get("arenas.create", &made, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    uint32_t arena = (uint32_t)made.v.u;
    if (lua_toboolean(L, 3)) {
        error = core_count_hooks(api, arena, message, sizeof(message));
    }
    if (error == 0) {
        error = set_all(L, api, arena, message, sizeof(message));
    }
    if (error != 0) {
        set_one(api, arena, "destroy", NULL, ignored, sizeof(ignored));
        return core_fail_errno(L, error, message);
    }
    lua_pushinteger(L, arena);
    return 1;
}

void
core_open_arenas(lua_State *L) {
    lua_pushcfunction(L, arena_create);
    core_set_value(L, "arena_create");
}

/* watcher.h -- for hosts of many states: a state of its own, which is asked what the allocator has. */
#ifndef TESTS_LUA_WATCHER_H
#define TESTS_LUA_WATCHER_H

#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>

/* The whole number that the code returns; -1 if it fails. */
static lua_Integer
ask(lua_State *watcher, const char *code) {
    lua_Integer result = -1;
    if (luaL_dostring(watcher, code) == LUA_OK) {
        result = lua_tointeger(watcher, -1);
    } else {
        fprintf(stderr, "watcher: %s\n", lua_tostring(watcher, -1));
    }
    lua_settop(watcher, 0);
    return result;
}

#endif

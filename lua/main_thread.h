/* main_thread.h -- the main thread of a state, of which L may be a coroutine: for the module and the host's archive. */
#ifndef LUNALLOC_LUA_MAIN_THREAD_H
#define LUNALLOC_LUA_MAIN_THREAD_H

#include <lua.h>

static inline lua_State *
main_thread(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main;
}

#endif

/*
 * paths.h -- lets the console's Lua state find the module that belongs to this executable.
 */
#ifndef CONSOLE_PATHS_H
#define CONSOLE_PATHS_H

#include <lua.h>

/*
 * Puts the module's folders in front of package.path and package.cpath; the user's LUA_PATH and LUA_CPATH follow. The
 * folders are found relative to the executable (paths.c has the list).
 */
void paths_setup(lua_State *L);

#endif

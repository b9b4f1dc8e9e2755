/*
 * paths.h -- where the console finds its Lua module.
 */
#ifndef CONSOLE_PATHS_H
#define CONSOLE_PATHS_H

#include <lua.h>

/*
 * Puts the module's folders, found from the place of the executable itself, in front of package.path and package.cpath.
 * What the user's LUA_PATH and LUA_CPATH say is kept behind them.
 */
void paths_setup(lua_State *L);

#endif

/*
 * screen_absent.c -- the module "lunalloc.screen" where ncurses was missing when the console was built: its open() says
 * so. See screen.h.
 */
#include "screen.h"

#include <lauxlib.h>

static int
l_open(lua_State *L) {
    luaL_pushfail(L);
    lua_pushliteral(L, "this console was built without ncursesw (Debian's package: libncurses-dev)");
    lua_pushliteral(L, "ENOSYS");
    return 3;
}

int
screen_module_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"open", l_open}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

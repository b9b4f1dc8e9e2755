/*
 * complete.h -- the Tab key. The work is done in Lua, by lunalloc/complete.lua; this is its glue to readline.
 */
#ifndef CONSOLE_COMPLETE_H
#define CONSOLE_COMPLETE_H

#include <lua.h>

/* Makes Tab complete against the globals of L, which must outlive every later line_read. */
void complete_open(lua_State *L);

#endif

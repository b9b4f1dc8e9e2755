/*
 * complete.h -- the Tab key: connects readline to lunalloc/complete.lua, which finds the completions.
 */
#ifndef CONSOLE_COMPLETE_H
#define CONSOLE_COMPLETE_H

#include <lua.h>

/* Makes Tab complete from the globals of L. L must stay open for every later line_read. */
void complete_open(lua_State *L);

#endif

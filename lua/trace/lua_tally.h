/*
 * lua_tally.h -- tallies and cells as Lua tables. Internal to this folder.
 */
#ifndef TRACE_LUA_TALLY_H
#define TRACE_LUA_TALLY_H

#include "cells.h"
#include "core.h"
#include "tally.h"

/* Pushes a table with what the tally has. The tally must not be closed meanwhile. */
void lua_tally_push(lua_State *L, const trace_tally_t *tally);
void lua_cells_push(lua_State *L, const trace_cells_t *cells);

#endif

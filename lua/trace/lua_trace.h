/*
 * lua_trace.h -- what the files of `lunalloc.core.trace` share. Internal to this folder.
 *
 * Each object is a userdata with one pointer, which is NULL once it is closed or collected. What it points to is not in
 * Lua's memory, and does not depend on other userdata: a pass shares its file.
 */
#ifndef TRACE_LUA_TRACE_H
#define TRACE_LUA_TRACE_H

#include "core.h"
#include "pass.h"

#define TRACE_FILE_TYPE "lunalloc.trace.file"

/* The userdata at 1. */
trace_file_t **lua_trace_handle(lua_State *L);
/* The open file at 1; raises if it is closed. */
trace_file_t *lua_trace_check(lua_State *L);
/* The filter that the table at `stack` describes; everything passes nil. Raises for wrong types. */
trace_filter_t lua_trace_filter(lua_State *L, int stack);

/* Each adds its functions to the methods of files, the table at the top. */
void lua_trace_add_passes(lua_State *L);
/* Makes the type of writers, and adds writer() to the table at the top. */
void lua_trace_add_writer(lua_State *L);
/* Makes the type of recorders, and adds record() to the table at the top. */
void lua_trace_add_recorder(lua_State *L);

#endif

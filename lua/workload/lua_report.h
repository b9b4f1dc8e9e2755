/*
 * lua_report.h -- what a run has to say, as Lua tables. Names and units are those of lua/lunalloc/workload.lua.
 */
#ifndef WORKLOAD_LUA_REPORT_H
#define WORKLOAD_LUA_REPORT_H

#include <lua.h>

#include "engine.h"

/* Each pushes one table. */
void lua_report_status(lua_State *L, const engine_status_t *status);
void lua_report_timeline(lua_State *L, const timeline_entry_t *entries, size_t n);
void lua_report_result(lua_State *L, const engine_result_t *result);

#endif

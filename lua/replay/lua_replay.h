/*
 * lua_replay.h -- the tables of plans and replays. lua_report.c makes them for lua_replay.c.
 */
#ifndef REPLAY_LUA_REPLAY_H
#define REPLAY_LUA_REPLAY_H

#include <limits.h>
#include <lua.h>

#include "replay.h"
#include "workload/lua_workload.h"

/* Each pushes one table. */
void lua_replay_push_facts(lua_State *L, const plan_head_t *head);
/* As a workload's, with `counts` and `replay`. */
void lua_replay_push_result(lua_State *L, const replay_result_t *result);

#endif

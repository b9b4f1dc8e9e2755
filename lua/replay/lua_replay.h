/*
 * lua_replay.h -- the tables of plans and replays. lua_report.c makes them for lua_replay.c.
 */
#ifndef REPLAY_LUA_REPLAY_H
#define REPLAY_LUA_REPLAY_H

#include <limits.h>
#include <lua.h>

#include "replay.h"
#include "trace/file.h"
#include "workload/lua_workload.h"

/* What a trace file says of the process. Texts are "" and numbers TRACE_UNKNOWN where it says nothing. */
typedef struct {
    char name[64], version[64], mode[16], conf[1024];
    trace_info_t info;
    uint64_t base_rss, peak_rss;                  /* bytes, of the first sample and the largest of all */
    uint64_t base_anonymous, peak_anonymous;      /* likewise */
    uint64_t peak_active, peak_dirty, peak_muzzy; /* bytes, of all samples */
    uint64_t base_resident, peak_resident;        /* bytes: active, dirty and muzzy */
    double mean_dirty;                            /* bytes, over time; below 0: unknown */
} recorded_t;
void recorded_read(recorded_t *recorded, const trace_file_t *file);

/* Each pushes one table. */
void lua_replay_push_samples(lua_State *L, const trace_info_t *info);
void lua_replay_push_recorded(lua_State *L, const recorded_t *recorded);
void lua_replay_push_facts(lua_State *L, const plan_head_t *head);
/* As a workload's, with `counts` and `replay`. */
void lua_replay_push_result(lua_State *L, const replay_result_t *result);

#endif

/*
 * lua_workload.h -- plans from Lua tables, and results as Lua tables: the two sides of lua_workload.c.
 *
 * lua/lunalloc/workload_spec.lua knows the keys, defaults and units of a description, and words the messages for wrong
 * ones. It makes a canonical table: every key is present or means "none", bytes and nanoseconds are integers, and
 * tables are plain. lua_plan.c and the files lua_plan_*.c read that table raw, and check it again, tersely, since any
 * Lua code may call the core: a field of the wrong type or out of range raises.
 *
 * lua_report.c makes the tables of results. Their names and units are those of lua/lunalloc/workload.lua.
 */
#ifndef WORKLOAD_LUA_WORKLOAD_H
#define WORKLOAD_LUA_WORKLOAD_H

#include <lua.h>

#include "engine.h"

/*
 * Compiles the table at `index` into the plan, which must be zeroed. The caller frees the plan, also after an error. 0,
 * or an errno value with one line in `message`.
 */
int lua_plan_read(lua_State *L, int index, plan_t *plan, char *message, size_t message_size);

/* lua_plan_rows.c, lua_plan_change.c: parts of that, which lua_plan.c calls. */
int lua_plan_read_rows(lua_State *L, int index, plan_t *plan, char *message, size_t message_size);
int lua_plan_read_phases(lua_State *L, int index, plan_t *plan);

/* The field `scale` or `rate`: a number of 0 .. most; -1 if it is nil, or a curve, which is put into `space` then. */
double lua_plan_read_level(lua_State *L, int index, const char *name, double most, curve_t *space,
                           const curve_t **curve);

/* Reads one change. Its settings and strings belong to a userdata, which is left on the stack. */
void lua_plan_read_change(lua_State *L, int index, plan_phase_t *change);

/* lua_allocator.c: adds its functions to the table at the top. */
void lua_allocator_open(lua_State *L);

/* Each pushes one table. */
void lua_report_status(lua_State *L, const engine_status_t *status);
void lua_report_timeline(lua_State *L, const timeline_entry_t *entries, size_t n);
/* Of a segment: at, seconds, ops, ops_per_s, failures, latency, response, and the fields of the entry at its end. */
void lua_report_segment(lua_State *L, const engine_segment_t *segment, uint64_t clock_cost);
void lua_report_result(lua_State *L, const engine_result_t *result);

#endif

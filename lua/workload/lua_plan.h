/*
 * lua_plan.h -- reads the table that lua/lunalloc/workload_spec.lua makes of a user's description.
 *
 * That file knows keys, defaults and units, and words the complaints; what arrives here is canonical: every key present
 * or meaning "none", integers for bytes and nanoseconds, in plain tables: they are read raw. It is checked again all
 * the same, tersely, since anybody may call the core: a field of the wrong type or out of range raises.
 */
#ifndef WORKLOAD_LUA_PLAN_H
#define WORKLOAD_LUA_PLAN_H

#include <lua.h>

#include "plan.h"

/*
 * Compiles the table at `index` into the plan (zeroed; whoever called frees it, also after an error). 0, or an errno
 * value with one line in `message`.
 */
int lua_plan_read(lua_State *L, int index, plan_t *plan, char *message, size_t message_size);

/* Reads one change. Its settings and strings belong to a userdata that is left on the stack. */
void lua_plan_read_change(lua_State *L, int index, plan_phase_t *change);

#endif

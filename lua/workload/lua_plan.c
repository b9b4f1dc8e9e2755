/*
 * lua_plan.c -- makes a plan of a canonical description. See lua_workload.h.
 */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "lua_plan_fields.h"
#include "lua_workload.h"

/* Reads the fields of the whole description. */
static void
read_run(lua_State *L, int index, plan_t *plan) {
    const lua_Integer most = (lua_Integer)1 << 62;
    plan->threads = (uint32_t)field_integer(L, index, "threads", 1, PLAN_MAX_THREADS);
    plan->seed = (uint64_t)field_integer(L, index, "seed", LUA_MININTEGER, LUA_MAXINTEGER);
    plan->duration = (uint64_t)field_integer(L, index, "duration", 0, most);
    plan->ops = (uint64_t)field_integer(L, index, "ops", 0, most);
    plan->sample = (uint32_t)field_integer(L, index, "sample", 1, 1 << 30);
    plan->live_max = (uint64_t)field_integer(L, index, "live_max", 0, most);
    plan->interval = (uint64_t)field_integer(L, index, "interval", 1000000, most);
    plan->apart = (uint32_t)field_opt_number(L, index, "apart", 0, 1 << 20, 0);
    field_push(L, index, "verify");
    plan->verify = lua_toboolean(L, -1);
    lua_pop(L, 1);
}

/* `rate` and `scale`: numbers or curves. 0 or ENOMEM. */
static int
read_levels(lua_State *L, int index, plan_t *plan) {
    curve_t *curves = region_alloc(&plan->region, 2 * sizeof(*curves));
    if (curves == NULL) {
        return ENOMEM;
    }
    plan->scale = lua_plan_read_level(L, index, "scale", 1e9, &curves[0], &plan->scale_curve);
    plan->rate = lua_plan_read_level(L, index, "rate", 1e12, &curves[1], &plan->rate_curve);
    if (plan->scale < 0 && plan->scale_curve == NULL) {
        field_malformed(L, "scale");
    } else if (plan->rate < 0 && plan->rate_curve == NULL) {
        field_malformed(L, "rate");
    }
    return 0;
}

/* `trace`: the path of a file, which gives the threads and what they do. nil: none. 0 or an errno value. */
static int
read_trace(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    const char *path = field_push_string(L, index, "trace", true);
    int error = 0;
    if (path != NULL) {
        plan->threads = 1;
        plan->trace_speed = field_number(L, index, "speed", 0, 1e6);
        error = replayer_load(&plan->replayer, path, message, message_size);
        if (error == 0 && plan->trace_speed > 0 && !plan->replayer->timed) {
            snprintf(message, message_size, "%s: trace.speed needs the times of each call; a line has none", path);
            error = EINVAL;
        }
    }
    lua_pop(L, 1);
    return error;
}

int
lua_plan_read(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 16, NULL);
    read_run(L, index, plan);
    size_t nrows = field_push_array(L, index, "mix", PLAN_MAX_ROWS);
    size_t nphases = field_push_array(L, index, "phases", PLAN_MAX_PHASES);
    lua_pop(L, 2);
    if (nrows == 0) {
        field_malformed(L, "mix");
    }
    int error = plan_reserve(plan, nrows, nphases) ? 0 : ENOMEM;
    if (error == 0) {
        error = read_levels(L, index, plan);
    }
    if (error == 0) {
        error = lua_plan_read_rows(L, index, plan, message, message_size);
    }
    if (error == 0) {
        error = lua_plan_read_phases(L, index, plan);
    }
    if (error == 0) {
        error = read_trace(L, index, plan, message, message_size);
    }
    if (error == ENOMEM) {
        snprintf(message, message_size, "no memory for the plan of a workload");
    }
    return error != 0 || plan_finish(plan, message, message_size) ? error : EINVAL;
}

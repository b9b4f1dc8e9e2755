/*
 * lua_workload.c -- the workload engine as seen from Lua: `lunalloc.core.workload`, on which lua/lunalloc/workload.lua
 * builds la.workload. One userdata holds a plan and, once started, its run.
 *
 *   create(description, allocator)   allocator: "lunalloc" or "process"
 *   w:start() w:wait(seconds) w:stop() w:change(change) w:status() w:timeline() w:result() w:info()
 *
 * wait() blocks; the Lua layer calls it in slices, since hooks (Ctrl-C) run only in Lua code. Collecting the userdata
 * stops the run and joins its threads.
 */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "lua_plan.h"
#include "lua_report.h"

#define WORKLOAD_TYPE "lunalloc.workload.run"

enum {
    MESSAGE_SIZE = 640
};

typedef struct {
    plan_t plan;
    heap_t heap;
    engine_t *engine; /* NULL before the first start */
} workload_t;

/* ---- which allocator ---- */

static heap_t
process_heap(void) {
    return (heap_t){.name = "process",
                    .malloc = malloc,
                    .calloc = calloc,
                    .aligned_alloc = aligned_alloc,
                    .realloc = realloc,
                    .free = free};
}

static heap_t
lunalloc_heap(const lunalloc_api_t *api) {
    return (heap_t){.name = "lunalloc",
                    .malloc = api->malloc,
                    .calloc = api->calloc,
                    .aligned_alloc = api->aligned_alloc,
                    .realloc = api->realloc,
                    .free = api->free};
}

/* False if it is lunalloc that is wanted, and it is not here. */
static bool
choose_heap(heap_t *heap, bool process) {
    const lunalloc_api_t *api = loader_api();
    if (api == NULL && !process) {
        return false;
    }
    *heap = process_heap();
    if (api != NULL) {
        *heap = process ? *heap : lunalloc_heap(api);
        heap->stats = api->stats;
        heap->set = api->ctl_set;
    }
    return true;
}

/* ---- life ---- */

static workload_t *
check_workload(lua_State *L) {
    return luaL_checkudata(L, 1, WORKLOAD_TYPE);
}

static engine_t *
check_engine(lua_State *L) {
    workload_t *workload = check_workload(L);
    luaL_argcheck(L, workload->engine != NULL, 1, "the workload was not started");
    return workload->engine;
}

static void
drop_engine(workload_t *workload) {
    if (workload->engine != NULL) {
        engine_destroy(workload->engine);
        workload->engine = NULL;
    }
}

static int
workload_gc(lua_State *L) {
    workload_t *workload = check_workload(L);
    drop_engine(workload);
    plan_free(&workload->plan);
    return 0;
}

static int
workload_create(lua_State *L) {
    static const char *const allocators[] = {"lunalloc", "process", NULL};
    char message[MESSAGE_SIZE];
    luaL_checktype(L, 1, LUA_TTABLE);
    bool process = luaL_checkoption(L, 2, NULL, allocators) == 1;
    workload_t *workload = lua_newuserdatauv(L, sizeof(*workload), 0);
    memset(workload, 0, sizeof(*workload));
    luaL_setmetatable(L, WORKLOAD_TYPE);
    if (!choose_heap(&workload->heap, process)) {
        return core_not_loaded(L);
    }
    int error = lua_plan_read(L, 1, &workload->plan, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

static int
workload_start(lua_State *L) {
    workload_t *workload = check_workload(L);
    char message[MESSAGE_SIZE];
    if (workload->engine != NULL && !engine_wait(workload->engine, 0)) {
        return core_fail(L, "EBUSY", "the workload is running; stop it first");
    }
    drop_engine(workload);
    workload->engine = engine_start(&workload->plan, &workload->heap, message, sizeof(message));
    if (workload->engine == NULL) {
        return core_fail_errno(L, errno, message);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* wait(seconds) -> true if the run is over */
static int
workload_wait(lua_State *L) {
    engine_t *engine = check_engine(L);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0, 2, "0 or more seconds expected");
    lua_pushboolean(L, engine_wait(engine, (uint64_t)(fmin(seconds, 1e9) * 1e9)));
    return 1;
}

static int
workload_stop(lua_State *L) {
    engine_stop(check_engine(L));
    return 0;
}

/* ---- asking and changing ---- */

static int
workload_change(lua_State *L) {
    engine_t *engine = check_engine(L);
    char message[MESSAGE_SIZE] = "";
    plan_phase_t change;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_plan_read_change(L, 2, &change);
    int error = engine_change(engine, &change, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_pushboolean(L, true);
    return 1;
}

static int
workload_status(lua_State *L) {
    workload_t *workload = check_workload(L);
    engine_status_t status = {0};
    if (workload->engine == NULL) {
        lua_pushnil(L);
        return 1;
    }
    engine_status(workload->engine, &status);
    lua_report_status(L, &status);
    return 1;
}

static int
workload_timeline(lua_State *L) {
    workload_t *workload = check_workload(L);
    if (workload->engine == NULL) {
        lua_newtable(L);
    } else {
        lua_report_timeline(L, workload->engine);
    }
    return 1;
}

/* The result, or nil while the run is not over. */
static int
workload_result(lua_State *L) {
    engine_t *engine = check_engine(L);
    engine_result_t *result = lua_newuserdatauv(L, sizeof(*result), 0); /* too large for a thread's small stack */
    if (!engine_result(engine, result)) {
        lua_pushnil(L);
        return 1;
    }
    lua_report_result(L, result);
    return 1;
}

/* What is known before the start. */
static int
workload_info(lua_State *L) {
    const workload_t *workload = check_workload(L);
    char hash[20];
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)workload->plan.hash);
    lua_newtable(L);
    core_set_string(L, "plan_hash", hash);
    core_set_string(L, "allocator", workload->heap.name);
    core_set_integer(L, "threads", workload->plan.threads);
    core_set_integer(L, "producers", workload->plan.producers);
    lua_pushnumber(L, workload->plan.expected);
    lua_setfield(L, -2, "expected_live");
    return 1;
}

static int
workload_tostring(lua_State *L) {
    const workload_t *workload = check_workload(L);
    lua_pushfstring(L, "%s: %p", WORKLOAD_TYPE, (const void *)workload);
    return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", workload_gc},
    {"__tostring", workload_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"start", workload_start},   {"wait", workload_wait},     {"stop", workload_stop},
    {"change", workload_change}, {"status", workload_status}, {"timeline", workload_timeline},
    {"result", workload_result}, {"info", workload_info},     {NULL, NULL},
};

int
luaopen_lunalloc_workload(lua_State *L) {
    core_new_type(L, WORKLOAD_TYPE, metamethods, methods);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, workload_create);
    lua_setfield(L, -2, "create");
    return 1;
}

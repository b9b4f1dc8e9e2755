/*
 * lua_workload.c -- `lunalloc.core.workload`: the workload engine for Lua. lua/lunalloc/workload.lua makes la.workload
 * of it. A userdata is a plan and, after its start, the run.
 *
 *   create(description, allocator)   allocator: "lunalloc" or "process"
 *   read(path)                       the text of a regular file of at most 64 MiB
 *   w:start() w:wait(seconds) w:stop() w:change(change) w:status() w:timeline() w:result() w:segment(i) w:info()
 *
 * wait() blocks. The Lua layer calls it in slices, since the hook that Ctrl-C sets runs only in Lua code. Collecting
 * the userdata stops the run and joins its threads. A finalizer that runs later may still hold the userdata: every use
 * of it raises then.
 *
 * A second start replaces the engine, and any finalizer may start a workload: see the rules in core.h.
 */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "core.h"
#include "heap.h"
#include "lua_workload.h"
#include "textfile.h"

#define WORKLOAD_TYPE "lunalloc.workload.run"

enum {
    MESSAGE_SIZE = 640
};

/*
 * The userdata is a pointer to this structure, or NULL after it was collected. The structure is not in Lua's memory:
 * Lua frees userdata that a finalizer creates while the state is closed without calling their finalizers, and the
 * threads of a run would go on to read the plan.
 */
typedef struct {
    region_t region; /* of this structure */
    plan_t plan;
    heap_t heap;
    engine_t *engine; /* NULL before the first start */
} workload_t;

/* ---- life ---- */

/* The handle at 1, also of a workload that was collected. */
static workload_t **
check_handle(lua_State *L) {
    return luaL_checkudata(L, 1, WORKLOAD_TYPE);
}

/* The workload at 1; raises if it was collected. */
static workload_t *
check_workload(lua_State *L) {
    workload_t *workload = *check_handle(L);
    if (workload == NULL) {
        luaL_error(L, "this workload was collected");
    }
    return workload;
}

/* The engine of the workload at 1; raises before the first start. */
static engine_t *
check_engine(lua_State *L) {
    workload_t *workload = check_workload(L);
    luaL_argcheck(L, workload->engine != NULL, 1, "the workload was not started");
    return workload->engine;
}

/* Stops and frees the run, if there is one. */
static void
drop_engine(workload_t *workload) {
    if (workload->engine != NULL) {
        engine_destroy(workload->engine);
        workload->engine = NULL;
    }
}

/* A workload without a plan, at the start of its own region; NULL if the system has no memory. */
static workload_t *
workload_new(void) {
    region_t region = {0};
    workload_t *workload = region_alloc(&region, sizeof(*workload));
    if (workload != NULL) {
        workload->region.chunks = region.chunks;
    }
    return workload;
}

static int
workload_gc(lua_State *L) {
    workload_t **handle = check_handle(L), *workload = *handle;
    *handle = NULL;
    if (workload != NULL) {
        drop_engine(workload);
        plan_free(&workload->plan);
        region_t region = {.chunks = workload->region.chunks}; /* a copy, since the workload itself is in the region */
        region_free(&region);
    }
    return 0;
}

/* create(description, allocator): the userdata; nil, message, code */
static int
workload_create(lua_State *L) {
    static const char *const allocators[] = {"lunalloc", "process", NULL};
    char message[MESSAGE_SIZE];
    luaL_checktype(L, 1, LUA_TTABLE);
    bool process = luaL_checkoption(L, 2, NULL, allocators) == 1;
    workload_t **handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    *handle = NULL;
    luaL_setmetatable(L, WORKLOAD_TYPE);
    workload_t *workload = *handle = workload_new();
    if (workload == NULL) {
        return core_fail(L, "ENOMEM", "no memory for a workload");
    }
    if (!heap_choose(&workload->heap, process)) {
        return core_not_loaded(L);
    }
    int error = lua_plan_read(L, 1, &workload->plan, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

/* Pushes the text of the textfile_t at 1. Runs in protected mode, so that the caller can free the text. */
static int
push_text(lua_State *L) {
    const textfile_t *file = lua_touserdata(L, 1);
    lua_pushlstring(L, file->text, file->size);
    return 1;
}

/* read(path): the text of the file; nil, message, code */
static int
workload_read(lua_State *L) {
    char message[MESSAGE_SIZE];
    textfile_t file;
    int error = textfile_read(&file, luaL_checkstring(L, 1), TEXTFILE_LIMIT, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error == TEXTFILE_WRONG ? EINVAL : error, message);
    }
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, &file);
    int status = lua_pcall(L, 1, 1, 0);
    textfile_free(&file);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* start(): true; nil, message, code, also if it runs already */
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
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0, 2, "0 or more seconds expected");
    lua_pushboolean(L, engine_wait(check_engine(L), (uint64_t)(fmin(seconds, 1e9) * 1e9)));
    return 1;
}

/* stop(): makes the run end; wait() waits for that */
static int
workload_stop(lua_State *L) {
    engine_stop(check_engine(L));
    return 0;
}

/* ---- changes and results ---- */

/* change(change): true; nil, message, code of the first refused setting */
static int
workload_change(lua_State *L) {
    char message[MESSAGE_SIZE] = "";
    plan_phase_t change;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_plan_read_change(L, 2, &change);
    int error = engine_change(check_engine(L), &change, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* status(): a table; nil before the first start */
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

/* Pushes a copy of the timeline with its marks: when Lua allocates, the engine may be destroyed. */
static size_t
push_timeline(lua_State *L, const timeline_entry_t **out) {
    size_t n, nmarks, used = 0;
    engine_timeline_size(check_engine(L), &n, &nmarks);
    timeline_entry_t *entries = lua_newuserdatauv(L, n * sizeof(*entries) + nmarks * TIMELINE_MARK_SIZE + 1, 0);
    char(*marks)[TIMELINE_MARK_SIZE] = (char(*)[TIMELINE_MARK_SIZE])(entries + n);
    n = engine_timeline(check_engine(L), 0, entries, n);
    for (size_t i = 0; i < n; i++) {
        if (entries[i].mark != NULL && used == nmarks) {
            n = i; /* entries that were added meanwhile are left for the next call */
        } else if (entries[i].mark != NULL) {
            entries[i].mark = strcpy(marks[used++], entries[i].mark);
        }
    }
    *out = entries;
    return n;
}

/* timeline(): an array; empty before the first start */
static int
workload_timeline(lua_State *L) {
    const timeline_entry_t *entries = NULL;
    bool started = check_workload(L)->engine != NULL;
    size_t n = started ? push_timeline(L, &entries) : 0;
    lua_report_timeline(L, entries, n);
    return 1;
}

/* result() -> the result; nil, message, code before the end */
static int
workload_result(lua_State *L) {
    engine_result_t *result = lua_newuserdatauv(L, sizeof(*result), 0); /* too large for a thread's small stack */
    engine_t *engine = check_engine(L);
    if (engine_lost(engine)) {
        return core_fail(L, "ESRCH", "the workload runs in the parent of this process");
    }
    if (!engine_result(engine, result)) {
        return core_fail(L, "EAGAIN", "the workload is still running");
    }
    lua_report_result(L, result);
    return 1;
}

/* segment(i) -> the part of the run before its phase i (from 1), or after the last one; nil, message, code */
static int
workload_segment(lua_State *L) {
    lua_Integer i = luaL_checkinteger(L, 2);
    engine_segment_t *segment = lua_newuserdatauv(L, sizeof(*segment), 0);
    engine_t *engine = check_engine(L);
    luaL_argcheck(L, i >= 1 && (size_t)i <= plan_segments(&check_workload(L)->plan), 2, "no such segment");
    if (!engine_segment(engine, (size_t)i - 1, segment)) {
        return core_fail(L, "EAGAIN", "the workload is still running");
    }
    lua_report_segment(L, segment, engine_clock_cost(engine));
    return 1;
}

/* info() -> facts that need no run */
static int
workload_info(lua_State *L) {
    char hash[20];
    lua_createtable(L, 0, 8);
    const workload_t workload = *check_workload(L);
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)workload.plan.hash);
    core_set_string(L, "plan_hash", hash);
    core_set_string(L, "allocator", workload.heap.name);
    if (workload.heap.version != NULL) {
        core_set_string(L, "allocator_version", workload.heap.version);
    }
    if (workload.heap.beside != NULL) {
        core_set_string(L, "allocator_beside", workload.heap.beside);
    }
    core_set_integer(L, "threads",
                     workload.plan.replayer == NULL ? workload.plan.threads : workload.plan.replayer->threads);
    core_set_integer(L, "producers", workload.plan.producers);
    core_set_string(L, "sized_free", workload.heap.sized == NULL ? "free" : workload.heap.sized->name);
    core_set_integer(L, "segments", (lua_Integer)plan_segments(&workload.plan));
    lua_pushnumber(L, workload.plan.expected);
    core_set_value(L, "expected_live");
    return 1;
}

static int
workload_tostring(lua_State *L) {
    const void *handle = check_handle(L);
    lua_pushfstring(L, "%s: %p", WORKLOAD_TYPE, handle);
    return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", workload_gc},
    {"__tostring", workload_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"start", workload_start},     {"wait", workload_wait},
    {"stop", workload_stop},       {"change", workload_change},
    {"status", workload_status},   {"timeline", workload_timeline},
    {"result", workload_result},   {"info", workload_info},
    {"segment", workload_segment}, {NULL, NULL},
};

int
luaopen_lunalloc_workload(lua_State *L) {
    core_new_type(L, WORKLOAD_TYPE, metamethods, methods);
    lua_createtable(L, 0, 4);
    lua_pushcfunction(L, workload_create);
    core_set_value(L, "create");
    lua_pushcfunction(L, workload_read);
    core_set_value(L, "read");
    lua_allocator_open(L);
    return 1;
}

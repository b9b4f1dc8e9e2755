/*
 * lua_replay.c -- `lunalloc.core.replay`: plans and replays for Lua. lua/lunalloc/replay.lua makes la.replay of it.
 *
 *   compile(trace, plan)      a compiler of the trace file into the plan file, which must not exist
 *   c:step(events)            true when the plan is complete, else false; nil, message, code
 *   facts(plan)               what the plan asks for (plan_facts_t), as a table; nil, message, code
 *   recorded(trace)           what the trace file says of the process that was recorded; nil, message, code
 *   samples(trace)            the allocator's counters while it was recorded (lua_replay_push_samples); nil, message,
 *                             code
 *   start(plan, options)      a replay on the process's malloc; options: speed, touch, sample, interval and rss_limit,
 *                             as in replay_options_t, with seconds and a name for `touch`
 *   r:wait(seconds) r:progress() r:stop() r:result() r:timeline()
 *
 * step() and wait() block; the Lua layer calls them in slices, since the hook that Ctrl-C sets runs only in Lua code.
 * Collecting a compiler removes a plan that is not complete; collecting a replay stops it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compile.h"
#include "core.h"
#include "lua_replay.h"
#include "trace/file.h"
#include "workload/heap.h"

#define COMPILER_TYPE "lunalloc.replay.compiler"
#define REPLAY_TYPE   "lunalloc.replay.run"

enum {
    MESSAGE_SIZE = 640
};

/* ---- compilers ---- */

typedef struct {
    trace_file_t *file;
    trace_merge_t *merge;
    plan_compiler_t *compiler; /* NULL: the plan is complete, or given up */
    char path[PATH_MAX];       /* of the plan */
} compiler_t;

/* Frees everything; a plan that is not complete is removed. */
static void
compiler_drop(compiler_t *compiler) {
    if (compiler->compiler != NULL) {
        plan_compiler_close(compiler->compiler);
        unlink(compiler->path);
    }
    if (compiler->merge != NULL) {
        trace_merge_close(compiler->merge);
    }
    if (compiler->file != NULL) {
        trace_file_close(compiler->file);
    }
    compiler->compiler = NULL;
    compiler->merge = NULL;
    compiler->file = NULL;
}

static int
compiler_gc(lua_State *L) {
    compiler_drop(luaL_checkudata(L, 1, COMPILER_TYPE));
    return 0;
}

/* compile(trace, plan): the compiler; nil, message, code */
static int
replay_compile(lua_State *L) {
    char message[MESSAGE_SIZE];
    const char *trace = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    compiler_t *compiler = lua_newuserdatauv(L, sizeof(*compiler), 0);
    memset(compiler, 0, sizeof(*compiler));
    luaL_setmetatable(L, COMPILER_TYPE);
    luaL_argcheck(L, strlen(path) < sizeof(compiler->path), 2, "the path is too long");
    strcpy(compiler->path, path);
    int error = trace_file_open(&compiler->file, trace, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    compiler->merge = trace_merge_open(compiler->file);
    const trace_info_t *info = trace_file_info(compiler->file);
    error = compiler->merge == NULL ? ENOMEM : plan_compiler_open(&compiler->compiler, path);
    if (error == 0 && info->nsamples != 0) {
        plan_compiler_look_at(compiler->compiler, info->samples[0].time);
    }
    if (error != 0) {
        snprintf(message, sizeof(message), "the plan %.500s cannot be written: %s", path, strerror(error));
        return core_fail_errno(L, error, message);
    }
    return 1;
}

static int
compiler_fail(lua_State *L, compiler_t *compiler, int error) {
    char message[MESSAGE_SIZE];
    if (error == EMFILE) {
        snprintf(message, sizeof(message), "the trace has more threads than a replay allows: %d at once",
                 PLAN_MOST_THREADS);
    } else {
        snprintf(message, sizeof(message), "the plan %.500s cannot be written: %s", compiler->path, strerror(error));
    }
    compiler_drop(compiler);
    return core_fail_errno(L, error, message);
}

/* step(events) -> true at the end; false; nil, message, code */
static int
compiler_step(lua_State *L) {
    compiler_t *compiler = luaL_checkudata(L, 1, COMPILER_TYPE);
    lua_Integer n = luaL_checkinteger(L, 2);
    record_event_t event;
    luaL_argcheck(L, compiler->compiler != NULL, 1, "the plan is complete");
    for (lua_Integer i = 0; i < n; i++) {
        if (!trace_merge_next(compiler->merge, &event)) {
            plan_head_t head;
            int error = plan_compiler_finish(compiler->compiler, &head);
            if (error != 0) {
                return compiler_fail(L, compiler, error);
            }
            plan_compiler_close(compiler->compiler);
            compiler->compiler = NULL;
            compiler_drop(compiler);
            lua_pushboolean(L, true);
            return 1;
        }
        int error = plan_compiler_add(compiler->compiler, &event);
        if (error != 0) {
            return compiler_fail(L, compiler, error);
        }
    }
    lua_pushboolean(L, false);
    return 1;
}

/* facts(plan) -> the table; nil, message, code */
static int
replay_facts(lua_State *L) {
    char message[MESSAGE_SIZE];
    plan_file_t plan;
    int error = plan_file_open(&plan, luaL_checkstring(L, 1), message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    plan_head_t head = *plan.head;
    plan_file_close(&plan);
    lua_replay_push_facts(L, &head);
    return 1;
}

/* recorded(trace) -> the table; nil, message, code */
static int
replay_recorded(lua_State *L) {
    char message[MESSAGE_SIZE];
    trace_file_t *file;
    int error = trace_file_open(&file, luaL_checkstring(L, 1), message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    recorded_t *recorded = lua_newuserdatauv(L, sizeof(*recorded), 0); /* an error here leaves the file open: ENOMEM */
    recorded_read(recorded, file);
    trace_file_close(file);
    lua_replay_push_recorded(L, recorded);
    return 1;
}

/* samples(trace) -> the array; nil, message, code */
static int
replay_samples(lua_State *L) {
    char message[MESSAGE_SIZE];
    trace_file_t *file;
    int error = trace_file_open(&file, luaL_checkstring(L, 1), message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_replay_push_samples(L, trace_file_info(file)); /* an error here leaves the file open: ENOMEM */
    trace_file_close(file);
    return 1;
}

/* ---- replays ---- */

/* Not in Lua's memory: the threads of a replay go on to read it while the state is closed. */
typedef struct {
    region_t region; /* of this structure */
    plan_file_t plan;
    heap_t heap;
    replay_t *replay;
} run_t;

static int
run_gc(lua_State *L) {
    run_t **handle = luaL_checkudata(L, 1, REPLAY_TYPE), *run = *handle;
    *handle = NULL;
    if (run != NULL) {
        if (run->replay != NULL) {
            replay_destroy(run->replay);
        }
        plan_file_close(&run->plan);
        region_t region = run->region; /* a copy, since the run itself is in the region */
        region_free(&region);
    }
    return 0;
}

/* The replay at 1; raises if it was collected, or has not started. */
static replay_t *
check_replay(lua_State *L) {
    run_t *run = *(run_t **)luaL_checkudata(L, 1, REPLAY_TYPE);
    if (run == NULL || run->replay == NULL) {
        luaL_error(L, "this replay was collected");
    }
    return run->replay;
}

static double
number_field(lua_State *L, int index, const char *name, double low, double high) {
    lua_pushstring(L, name);
    lua_rawget(L, index);
    double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
    lua_pop(L, 1);
    if (!(value >= low && value <= high)) {
        luaL_error(L, "options.%s: a number of %f to %f expected", name, low, high);
    }
    return value;
}

static replay_touch_t
touch_field(lua_State *L, int index) {
    static const char *const words[] = {[REPLAY_TOUCH_PAGES] = "pages",
                                        [REPLAY_TOUCH_ALL] = "all",
                                        [REPLAY_TOUCH_NONE] = "none",
                                        [REPLAY_TOUCH_VERIFY] = "verify"};
    lua_pushstring(L, "touch");
    lua_rawget(L, index);
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    for (int i = 0; i <= REPLAY_TOUCH_VERIFY; i++) {
        if (strcmp(word, words[i]) == 0) {
            lua_pop(L, 1);
            return (replay_touch_t)i;
        }
    }
    return (replay_touch_t)luaL_error(L, "options.touch: \"pages\", \"all\", \"none\" or \"verify\" expected");
}

static replay_options_t
read_options(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    replay_options_t options = {
        .speed = number_field(L, index, "speed", 0, 1e6),
        .touch = touch_field(L, index),
        .sample = (uint32_t)number_field(L, index, "sample", 1, 1e9),
        .interval = (uint64_t)(number_field(L, index, "interval", 1e-4, 3600) * 1e9),
        .rss_limit = (uint64_t)number_field(L, index, "rss_limit", 0, 0x1p60),
    };
    return options;
}

/* start(plan, options): the replay; nil, message, code */
static int
replay_start_run(lua_State *L) {
    char message[MESSAGE_SIZE];
    const char *path = luaL_checkstring(L, 1);
    replay_options_t options = read_options(L, 2);
    run_t **handle = lua_newuserdatauv(L, sizeof(run_t *), 0);
    *handle = NULL;
    luaL_setmetatable(L, REPLAY_TYPE);
    region_t region = {.shared = true};
    run_t *run = *handle = region_alloc(&region, sizeof(*run));
    if (run == NULL) {
        return core_fail(L, "ENOMEM", "no memory for a replay");
    }
    run->region = region;
    int error = plan_file_open(&run->plan, path, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    (void)heap_choose(&run->heap, true); /* the process's malloc is always there */
    run->replay = replay_start(&run->plan, &run->heap, &options, message, sizeof(message));
    return run->replay != NULL ? 1 : core_fail(L, "ENOMEM", "%s", message);
}

/* wait(seconds) -> true if it is over */
static int
run_wait(lua_State *L) {
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0, 2, "not negative");
    uint64_t ns = seconds < 1e9 ? (uint64_t)(seconds * 1e9) : UINT64_MAX;
    lua_pushboolean(L, replay_wait(check_replay(L), ns));
    return 1;
}

/* progress() -> windows that are complete */
static int
run_progress(lua_State *L) {
    core_push_unsigned(L, replay_progress(check_replay(L)));
    return 1;
}

static int
run_stop(lua_State *L) {
    replay_stop(check_replay(L));
    return 0;
}

/* result() -> the result; nil, message, code before the end */
static int
run_result(lua_State *L) {
    replay_result_t *result = lua_newuserdatauv(L, sizeof(*result), 0); /* too large for a thread's small stack */
    if (!replay_wait(check_replay(L), 0)) {
        return core_fail(L, "EAGAIN", "the replay is not over");
    }
    replay_result(check_replay(L), result);
    if (result->error != 0) {
        return core_fail_errno(L, result->error, result->problem);
    }
    lua_replay_push_result(L, result);
    return 1;
}

/* timeline() -> an array of entries; empty before the end */
static int
run_timeline(lua_State *L) {
    size_t n = 0;
    replay_t *replay = check_replay(L);
    const timeline_entry_t *entries = replay_wait(replay, 0) ? replay_timeline(replay, &n) : NULL;
    timeline_entry_t *copy = lua_newuserdatauv(L, (n + 1) * sizeof(*copy), 0);
    check_replay(L);
    if (n != 0) {
        memcpy(copy, entries, n * sizeof(*copy));
    }
    lua_report_timeline(L, copy, n);
    return 1;
}

static const luaL_Reg compiler_metamethods[] = {{"__gc", compiler_gc}, {"__close", compiler_gc}, {NULL, NULL}};
static const luaL_Reg compiler_methods[] = {{"step", compiler_step}, {NULL, NULL}};
static const luaL_Reg run_metamethods[] = {{"__gc", run_gc}, {NULL, NULL}};
static const luaL_Reg run_methods[] = {
    {"wait", run_wait},     {"progress", run_progress}, {"stop", run_stop},
    {"result", run_result}, {"timeline", run_timeline}, {NULL, NULL},
};
static const luaL_Reg functions[] = {
    {"compile", replay_compile}, {"facts", replay_facts},     {"recorded", replay_recorded},
    {"samples", replay_samples}, {"start", replay_start_run}, {NULL, NULL},
};

void
core_open_replay(lua_State *L) {
    core_new_type(L, COMPILER_TYPE, compiler_metamethods, compiler_methods);
    core_new_type(L, REPLAY_TYPE, run_metamethods, run_methods);
    luaL_newlib(L, functions);
    core_set_value(L, "replay");
}

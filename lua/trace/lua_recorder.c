/*
 * lua_recorder.c -- recordings for Lua. lua/lunalloc/record.lua makes la.record of it.
 *
 *   core.trace.record{ path=, mode=, rings=, lg_ring=, duration=, max_size= } -> recorder | nil, message, code
 *                            path: nil counts only; mode: "full", "pages" or "classes"; duration in ns
 *   recorder:area()          the path by which another process opens the memory
 *   recorder:meta(key, value)           a text for the file's metadata; at any time before the end
 *   recorder:start(pid)      begins to drain; pid: of the target, or nil
 *   recorder:begin(target)   makes the target of the core write to the memory; true | nil, message, code
 *   recorder:finish(target)  the same for the end
 *   recorder:wait(seconds)   at most that long -> boolean: is it over?
 *   recorder:statistics(target, late)   asks the target for its counters, which go into the file -> true; false if the
 *                            reply took so long that their time is vague, unless `late` allows that; nil, message, code
 *   recorder:highest(bytes)  the most RSS that the target ever had, which ended
 *   recorder:status()        a table: state, events, lost, bytes, threads, seconds, rss, peak_rss, pid, broken,
 *                            fullest, refused
 *   recorder:stop()
 *   recorder:discard()       ends it without a file
 *   recorder:close() -> status | nil, message, code       ends the file. Collecting the recorder does so, too.
 *
 * A recorder is not in Lua's memory: its thread goes on while the state is closed.
 */
#include "lua_trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "recorder.h"

#define RECORDER_TYPE "lunalloc.trace.recorder"

enum {
    MESSAGE_SIZE = 4608,
    LATE = 20000000 /* ns: of a reply */
};

static trace_recorder_t *
check_recorder(lua_State *L) {
    trace_recorder_t *recorder = *(trace_recorder_t **)luaL_checkudata(L, 1, RECORDER_TYPE);
    if (recorder == NULL) {
        luaL_error(L, "this recording is closed");
    }
    return recorder;
}

/* ---- options ---- */

static lua_Integer
integer_at(lua_State *L, const char *name, lua_Integer fallback) {
    lua_pushstring(L, name);
    lua_rawget(L, 1);
    lua_Integer value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : fallback;
    lua_pop(L, 1);
    return value;
}

/* The text is valid while the table at 1 has it. */
static const char *
text_at(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 1);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static trace_recording_t
recording_at(lua_State *L) {
    const char *mode = text_at(L, "mode");
    record_shape_t shape = {.nrings = (uint32_t)integer_at(L, "rings", RECORD_RINGS),
                            .lg_ring = (uint32_t)integer_at(L, "lg_ring", RECORD_LG_RING),
                            .mode = mode != NULL && strcmp(mode, "pages") == 0 ? record_pages : record_full,
                            .clock_allowed = record_clock_tsc};
    return (trace_recording_t){.path = text_at(L, "path"),
                               .shape = shape,
                               .duration = (uint64_t)integer_at(L, "duration", 0),
                               .max_size = (uint64_t)integer_at(L, "max_size", 0),
                               .sums = mode != NULL && strcmp(mode, "classes") == 0};
}

static int
record(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    char message[MESSAGE_SIZE];
    trace_recorder_t **handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    *handle = NULL;
    luaL_setmetatable(L, RECORDER_TYPE);
    trace_recording_t recording = recording_at(L);
    int error = trace_recorder_open(handle, &recording, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

/* ---- methods ---- */

static int
recorder_area(lua_State *L) {
    lua_pushfstring(L, "/proc/%d/fd/%d", (int)getpid(), trace_recorder_fd(check_recorder(L)));
    return 1;
}

static int
recorder_meta(lua_State *L) {
    const char *key = luaL_checkstring(L, 2), *value = luaL_checkstring(L, 3);
    trace_recorder_meta(check_recorder(L), key, value);
    return 0;
}

static int
recorder_start(lua_State *L) {
    uint32_t pid = (uint32_t)luaL_optinteger(L, 2, 0);
    int error = trace_recorder_start(check_recorder(L), pid);
    if (error != 0) {
        return core_fail(L, "EAGAIN", "cannot start a thread for the recording: %s", strerror(error));
    }
    lua_pushboolean(L, true);
    return 1;
}

/* The target's handle at 2. NULL: this process, without an allocator. */
static target_handle_t *
check_target(lua_State *L) {
    luaL_checkudata(L, 2, CORE_TARGET);
    return core_target_at(L, 2);
}

/* fd: -1 ends the target's recording. */
static int
tell_target(lua_State *L, int fd) {
    target_handle_t *target = check_target(L);
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->record(target, fd);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushboolean(L, true);
    return 1;
}

static int
recorder_begin(lua_State *L) {
    return tell_target(L, trace_recorder_fd(check_recorder(L)));
}

static int
recorder_finish(lua_State *L) {
    check_recorder(L);
    return tell_target(L, -1);
}

static int
recorder_wait(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 2);
    uint64_t ns = seconds > 0 && seconds < 1e6 ? (uint64_t)(seconds * 1e9) : 0;
    lua_pushboolean(L, trace_recorder_wait(check_recorder(L), ns));
    return 1;
}

static int
recorder_statistics(lua_State *L) {
    trace_recorder_t *recorder = check_recorder(L);
    target_handle_t *target = check_target(L);
    lunalloc_stats_t stats;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    uint64_t asked = trace_recorder_now();
    int error = target->ops->stats(target, LUNALLOC_ALL, &stats, NULL);
    uint64_t told = trace_recorder_now();
    if (error != 0) {
        return core_fail_target(L, error, target);
    } else if (told - asked > LATE && !lua_toboolean(L, 3)) {
        lua_pushboolean(L, false);
        return 1;
    }
    trace_sample_t sample = {.time = asked + (told - asked) / 2,
                             .allocated = stats.allocated,
                             .active = stats.active,
                             .dirty = stats.dirty,
                             .muzzy = stats.muzzy,
                             .retained = stats.retained,
                             .metadata = stats.metadata,
                             .mapped = stats.mapped};
    trace_recorder_statistics(recorder, &sample);
    lua_pushboolean(L, true);
    return 1;
}

static void
push_status(lua_State *L, const trace_recorder_status_t *status) {
    lua_createtable(L, 0, 13);
    core_set_string(L, "state", trace_recorder_state_name(status->state));
    core_set_integer(L, "events", (lua_Integer)status->written.events);
    core_set_integer(L, "lost", (lua_Integer)status->written.lost);
    core_set_integer(L, "bytes", (lua_Integer)status->written.bytes);
    core_set_integer(L, "threads", (lua_Integer)status->written.threads);
    core_set_integer(L, "rss", (lua_Integer)status->rss);
    core_set_integer(L, "peak_rss", (lua_Integer)status->peak_rss);
    core_set_integer(L, "pid", (lua_Integer)status->pid);
    core_set_integer(L, "broken", (lua_Integer)status->broken);
    core_set_integer(L, "fullest", (lua_Integer)status->fullest);
    core_set_boolean(L, "refused", status->refused);
    lua_pushnumber(L, (double)status->elapsed / 1e9);
    core_set_value(L, "seconds");
}

static int
recorder_highest(lua_State *L) {
    lua_Integer bytes = luaL_checkinteger(L, 2);
    trace_recorder_highest(check_recorder(L), bytes > 0 ? (uint64_t)bytes : 0);
    return 0;
}

static int
recorder_status(lua_State *L) {
    trace_recorder_status_t status = trace_recorder_status(check_recorder(L));
    push_status(L, &status);
    return 1;
}

static int
recorder_stop(lua_State *L) {
    trace_recorder_stop(check_recorder(L));
    return 0;
}

static int
recorder_close(lua_State *L) {
    char message[MESSAGE_SIZE];
    trace_recorder_status_t status;
    trace_recorder_t *recorder = check_recorder(L);
    *(trace_recorder_t **)lua_touserdata(L, 1) = NULL;
    int error = trace_recorder_close(recorder, &status, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    push_status(L, &status);
    return 1;
}

static int
recorder_discard(lua_State *L) {
    trace_recorder_t *recorder = check_recorder(L);
    *(trace_recorder_t **)lua_touserdata(L, 1) = NULL;
    trace_recorder_abandon(recorder);
    return 0;
}

/* A recording that nobody has closed is kept as far as it is. */
static int
recorder_gc(lua_State *L) {
    trace_recorder_t **handle = luaL_checkudata(L, 1, RECORDER_TYPE), *recorder = *handle;
    char message[MESSAGE_SIZE];
    trace_recorder_status_t status;
    *handle = NULL;
    if (recorder != NULL) {
        trace_recorder_close(recorder, &status, message, sizeof(message));
    }
    return 0;
}

void
lua_trace_add_recorder(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", recorder_gc}, {"__close", recorder_gc}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"area", recorder_area},
                                       {"meta", recorder_meta},
                                       {"start", recorder_start},
                                       {"begin", recorder_begin},
                                       {"finish", recorder_finish},
                                       {"wait", recorder_wait},
                                       {"statistics", recorder_statistics},
                                       {"highest", recorder_highest},
                                       {"status", recorder_status},
                                       {"stop", recorder_stop},
                                       {"discard", recorder_discard},
                                       {"close", recorder_close},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"record", record}, {NULL, NULL}};
    core_new_type(L, RECORDER_TYPE, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}

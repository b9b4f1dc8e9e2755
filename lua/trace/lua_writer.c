/*
 * lua_writer.c -- trace files that Lua code writes: imports of other formats, and made-up traces for tests.
 *
 *   core.trace.writer(path) -> writer | nil, message, code
 *   writer:meta(key, value)
 *   writer:thread(tid, name, time) -> number         of a new thread, from 1
 *   writer:event(thread, kind, time, addr, size, old_addr, align)       kind: its name; time in ns; the rest may be nil
 *   writer:stacks(n)                                 n stacks follow, which replace those before
 *   writer:stack({ count=, bytes=, live_count=, live_bytes= }, names)        names: a text with a line feed between two
 *   writer:sample{ time=, rss=, ... }                as file:samples() gives them, time in ns
 *   writer:flush()                                   what was told so far is in the file
 *   writer:finish() -> { events=, bytes=, threads= } | nil, message, code
 *   writer:close()                                   the file does not appear; also __gc and __close
 *
 * Times are ns of any clock. A thread's times must not fall: they are lifted.
 */
#include "lua_trace.h"

#include <string.h>

#include "classes.h"
#include "format.h"
#include "write.h"

#define WRITER_TYPE "lunalloc.trace.writer"

enum {
    MESSAGE_SIZE = 4608
};

static trace_writer_t *
check_writer(lua_State *L) {
    trace_writer_t *writer = *(trace_writer_t **)luaL_checkudata(L, 1, WRITER_TYPE);
    if (writer == NULL) {
        luaL_error(L, "this trace was written");
    }
    return writer;
}

static int
new_writer(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char message[MESSAGE_SIZE];
    trace_writer_t **handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    *handle = NULL;
    luaL_setmetatable(L, WRITER_TYPE);
    int error = trace_writer_open(handle, path, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

static int
writer_meta(lua_State *L) {
    const char *key = luaL_checkstring(L, 2), *value = luaL_checkstring(L, 3);
    trace_writer_meta(check_writer(L), key, value);
    return 0;
}

static int
writer_thread(lua_State *L) {
    trace_begin_t begin = {.tid = (uint32_t)luaL_optinteger(L, 2, 0),
                           .name = luaL_optstring(L, 3, ""),
                           .begin = (uint64_t)luaL_optinteger(L, 4, 0)};
    lua_pushinteger(L, (lua_Integer)trace_writer_thread(check_writer(L), &begin) + 1);
    return 1;
}

/* The kind of that name. */
static uint8_t
check_kind(lua_State *L, int arg) {
    const char *name = luaL_checkstring(L, arg);
    uint8_t kind = 1;
    while (kind < RECORD_KINDS && strcmp(record_kind_name(kind), name) != 0) {
        kind++;
    }
    luaL_argcheck(L, kind < RECORD_KINDS && kind != RECORD_THREAD, arg, "the kind of an event expected");
    return kind;
}

static uint8_t
lg_align(lua_Integer align) {
    return align <= 1 ? 0 : (uint8_t)(63 - __builtin_clzll((uint64_t)align));
}

static int
writer_event(lua_State *L) {
    lua_Integer thread = luaL_checkinteger(L, 2);
    record_event_t event = {.kind = check_kind(L, 3),
                            .time = (uint64_t)luaL_checkinteger(L, 4),
                            .addr = (uint64_t)luaL_optinteger(L, 5, 0),
                            .size = (uint64_t)luaL_optinteger(L, 6, 0),
                            .old_addr = (uint64_t)luaL_optinteger(L, 7, 0),
                            .lg_align = lg_align(luaL_optinteger(L, 8, 0)),
                            .touched = RECORD_UNKNOWN};
    trace_writer_t *writer = check_writer(L);
    luaL_argcheck(L, thread >= 1 && thread <= trace_writer_written(writer).threads, 2,
                  "the number of a thread expected");
    event.hint = trace_class(event.size) & 7;
    trace_writer_event(writer, (uint32_t)thread - 1, &event);
    if (event.kind == RECORD_THREAD_END) {
        trace_writer_thread_end(writer, (uint32_t)thread - 1);
    }
    return 0;
}

static uint64_t
number_of(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 2);
    uint64_t value = lua_isinteger(L, -1) ? (uint64_t)lua_tointeger(L, -1) : TRACE_UNKNOWN;
    lua_pop(L, 1);
    return value;
}

static int
writer_sample(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    trace_sample_t sample = {.time = number_of(L, "time"),
                             .rss = number_of(L, "rss"),
                             .peak_rss = number_of(L, "peak_rss"),
                             .allocated = number_of(L, "allocated"),
                             .active = number_of(L, "active"),
                             .dirty = number_of(L, "dirty"),
                             .muzzy = number_of(L, "muzzy"),
                             .retained = number_of(L, "retained"),
                             .metadata = number_of(L, "metadata"),
                             .mapped = number_of(L, "mapped"),
                             .events = number_of(L, "events"),
                             .lost = number_of(L, "lost"),
                             .anonymous = number_of(L, "anonymous"),
                             .peak_anonymous = number_of(L, "peak_anonymous")};
    trace_writer_sample(check_writer(L), &sample);
    return 0;
}

static int
writer_stacks(lua_State *L) {
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 0 && n <= UINT32_MAX, 2, "a number of stacks expected");
    trace_writer_stacks(check_writer(L), (uint32_t)n);
    return 0;
}

static int
writer_flush(lua_State *L) {
    trace_writer_flush(check_writer(L));
    return 0;
}

static int
writer_stack(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t size;
    const char *names = luaL_checklstring(L, 3, &size);
    trace_stack_t stack = {number_of(L, "count"), number_of(L, "bytes"), number_of(L, "live_count"),
                           number_of(L, "live_bytes")};
    trace_writer_stack(check_writer(L), &stack, names, size);
    return 0;
}

static int
writer_finish(lua_State *L) {
    trace_writer_t *writer = check_writer(L);
    char message[MESSAGE_SIZE];
    *(trace_writer_t **)lua_touserdata(L, 1) = NULL;
    trace_writer_flush(writer);
    trace_written_t written = trace_writer_written(writer);
    int error = trace_writer_close(writer, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_createtable(L, 0, 3);
    core_set_integer(L, "events", (lua_Integer)written.events);
    core_set_integer(L, "bytes", (lua_Integer)written.bytes);
    core_set_integer(L, "threads", (lua_Integer)written.threads);
    return 1;
}

static int
writer_close(lua_State *L) {
    trace_writer_t **handle = luaL_checkudata(L, 1, WRITER_TYPE), *writer = *handle;
    *handle = NULL;
    if (writer != NULL) {
        trace_writer_abandon(writer);
    }
    return 0;
}

void
lua_trace_add_writer(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", writer_close}, {"__close", writer_close}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"meta", writer_meta},     {"thread", writer_thread},
                                       {"event", writer_event},   {"sample", writer_sample},
                                       {"stacks", writer_stacks}, {"flush", writer_flush},
                                       {"stack", writer_stack},   {"finish", writer_finish},
                                       {"close", writer_close},   {NULL, NULL}};
    static const luaL_Reg functions[] = {{"writer", new_writer}, {NULL, NULL}};
    core_new_type(L, WRITER_TYPE, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}

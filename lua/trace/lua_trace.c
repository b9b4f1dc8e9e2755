/*
 * lua_trace.c -- `lunalloc.core.trace`: trace files for Lua. lua/lunalloc/trace.lua makes la.trace of it.
 *
 *   open(path) -> file | nil, message, code
 *   class_size(i), class_of(size)     the size classes by which traces are counted
 *   kinds                             an array: the name of each kind of event, at its number + 1
 *   file:info() file:threads() file:samples() file:meta()          tables
 *   file:summed()                     has it sums alone?
 *   file:nstacks() file:stack(i)      of a recording of stacks: how many; the i-th, from 1: { count=, ... }, names (a
 *                                     text with line feeds); nil if it is damaged
 *   file:sums() -> tally, cells       of such a file, as passes return them; nil, message, code
 *   file:tally(filter) file:cursor(filter) file:save(filter, path)     passes over its events: lua_passes.c
 *   file:close()
 *   record(options) -> recorder       lua_recorder.c
 *   writer(path) -> writer            lua_writer.c
 */
#include "lua_trace.h"

#include <errno.h>
#include <string.h>

#include "classes.h"
#include "lua_tally.h"
#include "sums.h"

#define SUMS_TYPE "lunalloc.trace.sums"

enum {
    MESSAGE_SIZE = 4608
};

static int
trace_open(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char message[MESSAGE_SIZE];
    trace_file_t **handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    *handle = NULL;
    luaL_setmetatable(L, TRACE_FILE_TYPE);
    int error = trace_file_open(handle, path, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

static int
file_close(lua_State *L) {
    trace_file_t **handle = lua_trace_handle(L), *file = *handle;
    *handle = NULL;
    if (file != NULL) {
        trace_file_close(file);
    }
    return 0;
}

/* ---- tables ---- */

static void
set_unsigned(lua_State *L, const char *name, uint64_t value) {
    core_push_unsigned(L, value);
    core_set_value(L, name);
}

/* A number that is left out where nobody knows it. */
static void
set_known(lua_State *L, const char *name, uint64_t value) {
    if (value != TRACE_UNKNOWN) {
        set_unsigned(L, name, value);
    }
}

static int
file_info(lua_State *L) {
    trace_info_t info = *trace_file_info(lua_trace_check(L));
    lua_createtable(L, 0, 10);
    set_unsigned(L, "events", info.events);
    set_unsigned(L, "lost", info.lost);
    set_unsigned(L, "threads", info.nthreads);
    set_unsigned(L, "samples", info.nsamples);
    set_unsigned(L, "begin", info.begin);
    set_unsigned(L, "end", info.end);
    set_unsigned(L, "size", info.size);
    set_unsigned(L, "bytes", info.bytes);
    set_unsigned(L, "damaged", info.damaged);
    core_set_boolean(L, "complete", info.complete);
    return 1;
}

static void
push_thread(lua_State *L, const void *record) {
    const trace_thread_info_t *thread = record;
    lua_createtable(L, 0, 8);
    set_unsigned(L, "tid", thread->tid);
    core_set_string(L, "name", thread->name);
    core_set_boolean(L, "ended", thread->ended);
    set_unsigned(L, "begin", thread->begin);
    set_unsigned(L, "end", thread->end);
    set_unsigned(L, "events", thread->events);
    set_unsigned(L, "lost", thread->lost);
    set_unsigned(L, "bytes", thread->bytes);
}

static void
push_sample(lua_State *L, const void *record) {
    const trace_sample_t *sample = record;
    lua_createtable(L, 0, 12);
    set_unsigned(L, "time", sample->time);
    set_known(L, "rss", sample->rss);
    set_known(L, "peak_rss", sample->peak_rss);
    set_known(L, "allocated", sample->allocated);
    set_known(L, "active", sample->active);
    set_known(L, "dirty", sample->dirty);
    set_known(L, "muzzy", sample->muzzy);
    set_known(L, "retained", sample->retained);
    set_known(L, "metadata", sample->metadata);
    set_known(L, "mapped", sample->mapped);
    set_known(L, "events", sample->events);
    set_known(L, "lost", sample->lost);
    set_known(L, "anonymous", sample->anonymous);
    set_known(L, "peak_anonymous", sample->peak_anonymous);
}

/* The file stays open meanwhile, also if a finalizer closes the object. */
static int
push_all(lua_State *L, const void *records, size_t size, size_t n, void (*push)(lua_State *, const void *)) {
    lua_createtable(L, n < INT32_MAX ? (int)n : 0, 0);
    for (size_t i = 0; i < n; i++) {
        lua_trace_check(L);
        push(L, (const char *)records + i * size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int
file_threads(lua_State *L) {
    const trace_info_t *info = trace_file_info(lua_trace_check(L));
    return push_all(L, info->threads, sizeof(*info->threads), info->nthreads, push_thread);
}

static int
file_samples(lua_State *L) {
    const trace_info_t *info = trace_file_info(lua_trace_check(L));
    return push_all(L, info->samples, sizeof(*info->samples), info->nsamples, push_sample);
}

static int
file_summed(lua_State *L) {
    lua_pushboolean(L, trace_file_summed(lua_trace_check(L)));
    return 1;
}

static int
file_nstacks(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)trace_file_stacks(lua_trace_check(L)));
    return 1;
}

static int
file_stack(lua_State *L) {
    trace_file_t *file = lua_trace_check(L);
    lua_Integer i = luaL_checkinteger(L, 2);
    uint64_t sums[4];
    char names[TRACE_FILE_NAMES];
    size_t size;
    luaL_argcheck(L, i >= 1 && (size_t)i <= trace_file_stacks(file), 2, "the number of a stack expected");
    if (!trace_file_stack(file, (size_t)i - 1, sums, names, &size)) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 5);
    set_unsigned(L, "count", sums[0]);
    set_unsigned(L, "bytes", sums[1]);
    set_unsigned(L, "live_count", sums[2]);
    set_unsigned(L, "live_bytes", sums[3]);
    lua_pushlstring(L, names, size);
    return 2;
}

/* ---- sums: in a userdata, so that an error while Lua allocates frees them ---- */

typedef struct {
    trace_tally_t *tally;
    trace_cells_t *cells;
} sums_t;

static int
sums_close(lua_State *L) {
    sums_t *sums = luaL_checkudata(L, 1, SUMS_TYPE), held = *sums;
    *sums = (sums_t){NULL, NULL};
    if (held.tally != NULL) {
        trace_tally_close(held.tally);
        trace_cells_close(held.cells);
    }
    return 0;
}

static int
file_sums(lua_State *L) {
    uint64_t damaged;
    sums_t *sums = lua_newuserdatauv(L, sizeof(*sums), 0), held;
    *sums = (sums_t){NULL, NULL};
    luaL_setmetatable(L, SUMS_TYPE);
    if (!trace_sums_load(lua_trace_check(L), &held.tally, &held.cells, &damaged)) {
        return core_fail(L, "ENOMEM", "no memory for the sums of the trace");
    }
    *sums = held;
    lua_tally_push(L, held.tally);
    core_set_integer(L, "damaged", (lua_Integer)damaged);
    lua_cells_push(L, held.cells);
    return 2;
}

static int
file_meta(lua_State *L) {
    const char *key, *value;
    lua_newtable(L);
    for (size_t i = 0; (key = trace_file_meta_at(lua_trace_check(L), i, &value)) != NULL; i++) {
        lua_pushstring(L, value);
        core_set_value(L, key);
    }
    return 1;
}

/* ---- classes and kinds ---- */

static int
class_size(lua_State *L) {
    lua_Integer class = luaL_checkinteger(L, 1);
    luaL_argcheck(L, class >= 0 && class < TRACE_CLASSES, 1, "a class expected");
    lua_pushinteger(L, (lua_Integer)trace_class_size((uint32_t) class));
    return 1;
}

static int
class_of(lua_State *L) {
    lua_pushinteger(L, trace_class((uint64_t)luaL_checkinteger(L, 1)));
    return 1;
}

static void
push_kinds(lua_State *L) {
    lua_createtable(L, RECORD_KINDS, 0);
    for (uint32_t kind = 0; kind < RECORD_KINDS; kind++) {
        lua_pushstring(L, record_kind_name(kind));
        lua_rawseti(L, -2, (lua_Integer)kind + 1);
    }
}

static void
make_types(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", file_close}, {"__close", file_close}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"info", file_info},       {"threads", file_threads},
                                       {"samples", file_samples}, {"meta", file_meta},
                                       {"summed", file_summed},   {"sums", file_sums},
                                       {"nstacks", file_nstacks}, {"stack", file_stack},
                                       {"close", file_close},     {NULL, NULL}};
    static const luaL_Reg sums_metamethods[] = {{"__gc", sums_close}, {NULL, NULL}};
    core_new_type(L, SUMS_TYPE, sums_metamethods, (luaL_Reg[]){{NULL, NULL}});
    core_new_type(L, TRACE_FILE_TYPE, metamethods, methods);
    luaL_getmetatable(L, TRACE_FILE_TYPE);
    lua_getfield(L, -1, "__index");
    lua_trace_add_passes(L);
    lua_pop(L, 2);
}

void
core_open_trace(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"open", trace_open}, {"class_size", class_size}, {"class_of", class_of}, {NULL, NULL}};
    make_types(L);
    luaL_newlib(L, functions);
    lua_trace_add_writer(L);
    lua_trace_add_recorder(L);
    push_kinds(L);
    lua_setfield(L, -2, "kinds");
    lua_setfield(L, -2, "trace");
}

/*
 * lua_pages.c -- the module `lunalloc.pages`: replays the extent events of a trace (simulate.h). For a child process of
 * la.replay, since it simulates once.
 *
 *   run(trace, settings)    settings: dirty_decay_ms, muzzy_decay_ms, dirty_max, retain, retain_grow_limit and
 *                           lg_extent_max_active_fit, whole numbers, or absent: as recorded; interval, seconds
 *                           -> result; nil, message, code
 */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "simulate.h"
#include "trace/file.h"

/* ---- settings ---- */

static int64_t
setting(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 2);
    int64_t value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : SIMULATE_AS_RECORDED;
    lua_pop(L, 1);
    return value;
}

static simulate_settings_t
read_settings(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    simulate_settings_t settings = {
        .dirty_decay_ms = setting(L, "dirty_decay_ms"),
        .muzzy_decay_ms = setting(L, "muzzy_decay_ms"),
        .dirty_max = setting(L, "dirty_max"),
        .retain = setting(L, "retain"),
        .retain_grow_limit = setting(L, "retain_grow_limit"),
        .lg_extent_max_active_fit = setting(L, "lg_extent_max_active_fit"),
    };
    lua_pushliteral(L, "interval");
    lua_rawget(L, 2);
    double seconds = luaL_checknumber(L, -1);
    luaL_argcheck(L, seconds >= 1e-6 && seconds < 1e9, 2, "an interval from 1 us expected");
    settings.interval = (uint64_t)(seconds * 1e9);
    lua_pop(L, 1);
    return settings;
}

/* ---- results ---- */

static void
set_count(lua_State *L, const char *name, uint64_t value) {
    lua_pushstring(L, name);
    lua_pushinteger(L, (lua_Integer)value);
    lua_rawset(L, -3);
}

static void
set_time(lua_State *L, const char *name, uint64_t ns) {
    lua_pushstring(L, name);
    lua_pushnumber(L, (double)ns / 1e9);
    lua_rawset(L, -3);
}

static void
set_bytes(lua_State *L, const simulate_entry_t *entry) {
    set_count(L, "active", entry->active);
    set_count(L, "dirty", entry->dirty);
    set_count(L, "muzzy", entry->muzzy);
    set_count(L, "retained", entry->retained);
    set_count(L, "rss", entry->rss);
}

static void
push_timeline(lua_State *L, const simulate_result_t *result) {
    lua_createtable(L, (int)result->nentries, 0);
    for (size_t i = 0; i < result->nentries; i++) {
        lua_createtable(L, 0, 7);
        set_time(L, "t", result->entries[i].time);
        set_bytes(L, &result->entries[i]);
        set_count(L, "faults", result->entries[i].faults);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void
push_memory(lua_State *L, const memory_counts_t *memory) {
    set_count(L, "faults", memory->faults);
    set_count(L, "purges", memory->purges);
    set_count(L, "purged_pages", memory->purged_pages);
    set_count(L, "lazy_purges", memory->lazy);
    set_count(L, "lazy_pages", memory->lazy_pages);
    set_count(L, "moves", memory->moves);
    set_count(L, "moved_pages", memory->moved_pages);
    set_count(L, "maps", memory->maps);
    set_count(L, "unmaps", memory->unmaps);
    set_count(L, "mapped", memory->reserved);
}

static int
push_result(lua_State *L, const simulate_result_t *result) {
    lua_createtable(L, 0, 24);
    set_count(L, "events", result->events);
    set_count(L, "allocs", result->allocs);
    set_count(L, "frees", result->frees);
    set_count(L, "resizes", result->grows);
    set_count(L, "moved_resizes", result->moved_grows);
    set_count(L, "user_purges", result->user_purges);
    set_count(L, "unmatched", result->unmatched);
    set_count(L, "reused", result->reused);
    set_count(L, "refused", result->refused);
    set_count(L, "left_out", result->left_out);
    set_count(L, "arenas", result->narenas);
    set_time(L, "seconds", result->duration);
    push_memory(L, &result->memory);
    lua_pushliteral(L, "peak");
    lua_createtable(L, 0, 5);
    set_bytes(L, &result->peak);
    lua_rawset(L, -3);
    lua_pushliteral(L, "timeline");
    push_timeline(L, result);
    lua_rawset(L, -3);
    return 1;
}

/* ---- the run ---- */

static int
simulate(const char *path, const simulate_settings_t *settings, simulate_result_t *result, char *message,
         size_t message_size) {
    trace_file_t *file;
    record_event_t event;
    int error = trace_file_open(&file, path, message, message_size);
    if (error != 0) {
        return error;
    }
    trace_merge_t *merge = trace_merge_open(file);
    error = merge == NULL ? ENOMEM : simulate_begin(settings);
    while (error == 0 && trace_merge_next(merge, &event)) {
        error = simulate_event(&event);
    }
    if (error != 0) {
        snprintf(message, message_size, "no memory for the replay of pages");
    } else {
        simulate_end(result);
    }
    if (merge != NULL) {
        trace_merge_close(merge);
    }
    trace_file_close(file);
    return error;
}

static int
pages_run(lua_State *L) {
    char message[512];
    simulate_result_t result;
    const char *path = luaL_checkstring(L, 1);
    simulate_settings_t settings = read_settings(L);
    int error = simulate(path, &settings, &result, message, sizeof(message));
    if (error == 0) {
        return push_result(L, &result);
    }
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushstring(L, error == ENOMEM ? "ENOMEM" : error == ENOENT ? "ENOENT" : "EINVAL");
    return 3;
}

__attribute__((visibility("default"))) LUAMOD_API int
luaopen_lunalloc_pages(lua_State *L) {
    static const luaL_Reg functions[] = {{"run", pages_run}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

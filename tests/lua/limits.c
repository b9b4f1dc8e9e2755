/*
 * limits.c -- Lua states under limits that are too low, from 8 to 64 KiB in steps of 256 bytes: each is made, gets the
 * standard libraries, runs a script, runs another one after that has failed, and is closed.
 *
 * Nothing crashes and nothing is left: no byte and no arena of the allocator. A state gets exactly as far on a meter as
 * on malloc with the same limit, since both count the bytes that Lua asks for.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <lunalloc_lua.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watcher.h"

enum {
    FIRST = 8 << 10,
    LAST = 64 << 10,
    STEP = 256
};

static int passed, failed;

static void
judge(bool ok, const char *what, size_t limit) {
    passed += ok;
    failed += !ok;
    if (!ok) {
        printf("FAILED: at a limit of %zu bytes: %s\n", limit, what);
    }
}

/* ---- malloc with a limit ---- */

typedef struct {
    size_t limit, used;
} budget_t;

static void *
allocate(void *opaque, void *old, size_t old_size, size_t size) {
    budget_t *budget = opaque;
    old_size = old != NULL ? old_size : 0;
    if (size > old_size && budget->used + size - old_size > budget->limit) {
        return NULL;
    }
    budget->used += size - old_size;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

/* ---- what a state does ---- */

/* How far a state has got. */
typedef enum {
    NOTHING,
    MADE,
    LIBRARIES,
    SCRIPT
} stage_t;

static const char script[] = "local list, finalized = {}, 0\n"
                             "for i = 1, 60 do\n"
                             "    list[i] = { i, tostring(i), function() return i end }\n"
                             "    setmetatable({}, { __gc = function() finalized = finalized + #{ i, {} } end })\n"
                             "end\n"
                             "local text = ('x'):rep(2000)\n"
                             "for i = 1, 5 do text = text .. i end\n"
                             "local thread = coroutine.wrap(function(...) coroutine.yield(...) end)\n"
                             "thread(1, 2, 3)\n"
                             "local ok, problem = pcall(string.rep, 'x', 1 << 20)\n"
                             "assert(not ok and problem == 'not enough memory', problem)\n"
                             "last = setmetatable({}, { __gc = function() list = { list, text .. text } end })\n"
                             "return #list\n";

static int
open_libraries(lua_State *L) {
    luaL_openlibs(L);
    return 0;
}

/* Runs code; what it returns, or raises, is dropped. */
static bool
run(lua_State *L, const char *code, const char *name) {
    bool ok = luaL_loadbuffer(L, code, strlen(code), name) == LUA_OK && lua_pcall(L, 0, 0, 0) == LUA_OK;
    if (!ok && strcmp(lua_tostring(L, -1), "not enough memory") != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    }
    lua_settop(L, 0);
    return ok;
}

/* Another script, which needs little, runs after the first one has failed. */
static stage_t
live(lua_State *L) {
    lua_pushcfunction(L, open_libraries);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        lua_settop(L, 0);
        return MADE;
    }
    bool ran = run(L, script, "=script");
    bool again = run(L, "return", "=a");
    return ran && again ? SCRIPT : LIBRARIES;
}

static stage_t
live_and_close(lua_State *L) {
    if (L == NULL) {
        return NOTHING;
    }
    stage_t stage = live(L);
    lua_close(L);
    return stage;
}

/* ---- the watcher: a state that asks what the allocator has ---- */

static lua_Integer
allocated(lua_State *watcher) {
    return ask(watcher, "return require 'lunalloc'.stats().allocated");
}

static lua_Integer
arenas(lua_State *watcher) {
    return ask(watcher, "return #require 'lunalloc'.arenas()");
}

/* ---- sweeps ---- */

/* The registry of a state on a meter has an entry more. So gets this one: garbage is collected at the same moments. */
static int
set_entry(lua_State *L) {
    lua_setfield(L, LUA_REGISTRYINDEX, "lunalloc.meter.address");
    return 0;
}

static lua_State *
state_on_malloc(budget_t *budget) {
    lua_State *L = lua_newstate(allocate, budget);
    if (L != NULL) {
        lua_pushcfunction(L, set_entry);
        lua_pushlightuserdata(L, budget);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            lua_close(L);
            L = NULL;
        }
    }
    return L;
}

static stage_t
on_malloc(size_t limit) {
    budget_t budget = {.limit = limit};
    stage_t stage = live_and_close(state_on_malloc(&budget));
    judge(budget.used == 0, "malloc's state leaves something", limit);
    return stage;
}

static void
sweep_new(lunalloc_lua_place_t place) {
    for (size_t limit = FIRST; limit <= LAST; limit += STEP) {
        lunalloc_lua_options_t options = {.place = place, .limit = limit};
        stage_t stage = live_and_close(lunalloc_lua_newstate(&options));
        judge(stage == on_malloc(limit), "a state gets farther on one of both", limit);
    }
}

/* A limit for a state that runs: it may be below what the state has. */
static void
sweep_adopted(void) {
    for (size_t limit = FIRST; limit <= LAST; limit += STEP) {
        lunalloc_lua_options_t options = {.limit = limit};
        char message[200] = "";
        lua_State *L = luaL_newstate();
        lunalloc_meter_t *meter = L == NULL ? NULL : lunalloc_lua_adopt(L, &options, message, sizeof(message));
        judge(meter != NULL, message, limit);
        live(L);
        lunalloc_meter_stats_t stats;
        lunalloc_meter_stats(meter, &stats);
        judge(stats.peak <= limit || stats.peak == stats.foreign, "it took more than the limit", limit);
        lunalloc_meter_set_limit(meter, 0);
        judge(run(L, "return", "=b"), "without the limit it does not work", limit);
        lua_close(L);
    }
}

int
main(void) {
    lua_State *watcher = luaL_newstate();
    if (watcher == NULL) {
        return EXIT_FAILURE;
    }
    luaL_openlibs(watcher);
    sweep_new(LUNALLOC_LUA_SHARED); /* which makes the shared arena, once */
    lua_Integer bytes = allocated(watcher), n = arenas(watcher);
    sweep_new(LUNALLOC_LUA_NEW);
    sweep_new(LUNALLOC_LUA_SHARED);
    sweep_adopted();
    judge(bytes >= 0 && allocated(watcher) == bytes, "bytes are left", 0);
    judge(n > 0 && arenas(watcher) == n, "arenas are left", 0);
    lua_close(watcher);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

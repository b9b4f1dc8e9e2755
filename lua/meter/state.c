/* state.c -- Lua states: made on a meter, or moved to one while they run. */
#include "main_thread.h"
#include "meter/meter.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* What needs memory of the state: in a protected call. */
static int
register_meter(lua_State *L) {
    lunalloc_meter_t *meter = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, meter);
    lua_setfield(L, LUA_REGISTRYINDEX, METER_KEY);
    if (meter->on_soft != NULL) {
        meter_watch_soft(L, meter);
    }
    return 0;
}

static bool
try_register(lua_State *L, lunalloc_meter_t *meter) {
    if (!lua_checkstack(L, 3)) {
        return false;
    }
    lua_pushcfunction(L, register_meter);
    lua_pushlightuserdata(L, meter);
    bool ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
    lua_settop(L, ok ? lua_gettop(L) : lua_gettop(L) - 1);
    return ok;
}

/* ---- new states ---- */

/* As that of luaL_newstate(). */
static int
panic(lua_State *L) {
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error object is not a string";
    fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n", message);
    fflush(stderr);
    return 0;
}

static lua_State *
new_state(lunalloc_meter_t *meter) {
#if LUA_VERSION_NUM >= 505
    return lua_newstate(lunalloc_lua_alloc, meter, luaL_makeseed(NULL));
#else
    return lua_newstate(lunalloc_lua_alloc, meter);
#endif
}

lua_State *
lunalloc_lua_newstate(const lunalloc_lua_options_t *options) {
    lunalloc_meter_t *meter = lunalloc_meter_new(options, NULL, 0);
    lua_State *L = meter == NULL ? NULL : new_state(meter);
    if (L != NULL) {
        lua_atpanic(L, panic);
        if (!try_register(L, meter)) {
            lua_close(L);
            L = NULL;
        } else {
            meter->main = L;
        }
    }
    lunalloc_meter_free(meter);
    return L;
}

/* ---- running states ---- */

/* Bytes that the state counts as its own. */
static size_t
bytes_of(lua_State *L) {
    return ((size_t)lua_gc(L, LUA_GCCOUNT) << 10) + (size_t)lua_gc(L, LUA_GCCOUNTB);
}

/* All blocks that the state has become foreign. */
static void
take_state(lua_State *L, lunalloc_meter_t *meter) {
    meter->old_alloc = lua_getallocf(L, &meter->old_context);
    meter->main = main_thread(L);
    meter->foreign_state = true;
    meter->careful = true;
    heap_make_known(&meter->heap);
    meter->foreign = meter->total = meter->peak = bytes_of(L);
    lua_setallocf(L, lunalloc_lua_alloc, meter);
}

static lunalloc_meter_t *
refuse(char *message, size_t size, const char *why) {
    if (message != NULL && size > 0) {
        snprintf(message, size, "%s", why);
    }
    return NULL;
}

/* A state above its limit could do nothing, not even raise it. */
static bool
fits(lua_State *L, size_t limit, char *message, size_t size) {
    size_t bytes = bytes_of(L);
    bool ok = limit == 0 || bytes <= limit;
    if (!ok && message != NULL && size > 0) {
        snprintf(message, size, "a limit of %zu bytes is less than the %zu bytes that are in use", limit, bytes);
    }
    return ok;
}

lunalloc_meter_t *
lunalloc_lua_adopt(lua_State *L, const lunalloc_lua_options_t *options, char *message, size_t size) {
    if (options != NULL && !fits(L, options->limit, message, size)) {
        return NULL;
    }
    lunalloc_meter_t *present = lunalloc_lua_meter(L);
    if (present != NULL && !present->closed) {
        return refuse(message, size, "this state has a meter already");
    }
    lunalloc_meter_t *meter = lunalloc_meter_new(options, message, size);
    if (meter != NULL && !try_register(L, meter)) {
        lunalloc_meter_free(meter);
        return refuse(message, size, "not enough memory");
    }
    if (meter != NULL) {
        take_state(L, meter);
        meter->held = false;
    }
    return meter;
}

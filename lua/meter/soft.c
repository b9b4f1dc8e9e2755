/*
 * soft.c -- the soft limit calls on_soft.
 *
 * It cannot be called where the limit is passed, which is inside of an allocation. A hook is set there instead, as a
 * signal handler would: the main thread calls it before its next instruction of Lua code. Another coroutine may be
 * running, or the main thread may have a hook of the user's. So an object of Lua's is finalized at the end of each
 * collection: if the call is still due then, the thread that is running gets the hook, or calls at once if it has one.
 */
#include "meter/meter.h"

#include <lauxlib.h>

/* Calls on_soft if that is due. It may raise. */
static void
call_soft(lua_State *L) {
    lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    if (meter != NULL && meter->soft_due) {
        meter->soft_due = false;
        if (meter->on_soft != NULL) {
            meter->on_soft(L, meter->context);
        }
    }
}

static void
soft_hook(lua_State *L, lua_Debug *where) {
    (void)where;
    lua_sethook(L, NULL, 0, 0);
    call_soft(L);
}

/* False if the thread has a hook of another's. */
static bool
set_hook(lua_State *L) {
    lua_Hook hook = lua_gethook(L);
    if (hook == NULL) {
        lua_sethook(L, soft_hook, LUA_MASKCOUNT, 1);
    }
    return hook == NULL || hook == soft_hook;
}

static void
request_soft(lunalloc_meter_t *meter) {
    if (meter->main != NULL) {
        set_hook(meter->main);
    }
}

/* __gc of the sentinel, which gets its metatable again, so that it is finalized again. */
static int
sentinel_collected(lua_State *L) {
    lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    if (meter == NULL || meter->closed) {
        return 0;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, 1);
    if (!meter->soft_armed && !meter->soft_due && meter->total <= meter->soft) {
        meter->soft_armed = true;
        meter_set_ceiling(meter);
    }
    if (meter->soft_due && !set_hook(L)) {
        call_soft(L);
    }
    return 0;
}

void
meter_watch_soft(lua_State *L, lunalloc_meter_t *meter) {
    if (meter->request_soft != NULL) {
        return;
    }
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, sentinel_collected, 1);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    meter->request_soft = request_soft;
}

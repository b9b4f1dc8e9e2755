/* lookup.c -- from a state to its meter. */
#include "frames.h"
#include "meter/meter.h"

static lunalloc_meter_t *
meter_in_registry(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, METER_KEY);
    lunalloc_meter_t *meter = lua_islightuserdata(L, -1) ? lua_touserdata(L, -1) : NULL;
    lua_pop(L, 1);
    return meter;
}

/* While functions of Lua are seen in profiles, the module has a wrapper around the state's function. */
static const frames_t *
wrapper_in_registry(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, FRAMES_KEY);
    const frames_t *wrapper = lua_islightuserdata(L, -1) ? lua_touserdata(L, -1) : NULL;
    lua_pop(L, 1);
    return wrapper;
}

/* The registry is asked if another copy of this code has made the meter: a host's, and this one is the module's. */
lunalloc_meter_t *
lunalloc_lua_meter(lua_State *L) {
    void *context;
    lua_Alloc alloc = lua_getallocf(L, &context);
    const frames_t *wrapper = wrapper_in_registry(L);
    if (wrapper != NULL && wrapper == context) {
        alloc = wrapper->alloc;
        context = wrapper->context;
    }
    if (alloc == lunalloc_lua_alloc) {
        return context;
    }
    lunalloc_meter_t *meter = meter_in_registry(L);
    return meter != NULL && meter == context && meter->magic == METER_MAGIC ? meter : NULL;
}

/* lookup.c -- from a state to its meter. */
#include "meter/meter.h"

static lunalloc_meter_t *
meter_in_registry(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, METER_KEY);
    lunalloc_meter_t *meter = lua_islightuserdata(L, -1) ? lua_touserdata(L, -1) : NULL;
    lua_pop(L, 1);
    return meter;
}

/* The registry is asked if another copy of this code has made the meter: a host's, and this one is the module's. */
lunalloc_meter_t *
lunalloc_lua_meter(lua_State *L) {
    void *context;
    if (lua_getallocf(L, &context) == lunalloc_lua_alloc) {
        return context;
    }
    lunalloc_meter_t *meter = meter_in_registry(L);
    return meter != NULL && meter == context && meter->magic == METER_MAGIC ? meter : NULL;
}

/*
 * lua_meter.c -- meters and scopes as objects of Lua.
 *
 * A meter lives as long as its state, so its object is never invalid. A state has one object for it, in the registry.
 * Scopes that are open form a list, the current one last; so they may be closed in any order, as coroutines do.
 */
#include "core.h"

#include <string.h>

#include "meter/meter.h"

/* The key in the registry of the meter's object. */
#define HANDLE_KEY "lunalloc.meter.handle"
/* User value of the object: the function that the soft limit calls. */
#define ON_SOFT 1

typedef struct scope {
    int number;
    bool open;
    struct handle *handle;       /* kept alive by a user value */
    struct scope *outer, *inner; /* opened before, and after this one */
} scope_t;

typedef struct handle {
    lunalloc_meter_t *meter; /* NULL while it is being made */
    scope_t *current;        /* the innermost open scope */
    int outside;             /* number of the scope outside of all */
} handle_t;

/* The object at 1, whose meter is not closed; raises if it is. */
static handle_t *
check_open(lua_State *L, const char *call) {
    handle_t *handle = core_check_self(L, CORE_METER, call);
    if (handle->meter == NULL || handle->meter->closed) {
        luaL_error(L, "this meter is closed");
    }
    return handle;
}

/* ---- the soft limit ---- */

/* on_soft of each meter whose function is one of Lua's: calls it with the meter. */
static void
call_lua(lua_State *L, void *context) {
    (void)context;
    luaL_checkstack(L, 3, "the soft limit of a meter");
    lua_getfield(L, LUA_REGISTRYINDEX, HANDLE_KEY);
    if (lua_isuserdata(L, -1) && lua_getiuservalue(L, -1, ON_SOFT) == LUA_TFUNCTION) {
        lua_pushvalue(L, -2);
        lua_call(L, 1, 0);
    } else {
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Makes the function at `stack` the one that the soft limit calls; the object is at `self`. */
static void
set_on_soft(lua_State *L, int self, int stack) {
    const handle_t *handle = lua_touserdata(L, self);
    meter_watch_soft(L, handle->meter);
    lua_pushvalue(L, stack);
    lua_setiuservalue(L, self, ON_SOFT);
    handle->meter->on_soft = call_lua;
}

/* ---- meters ---- */

/* An object without a meter. The state has it from now on. */
static handle_t *
new_handle(lua_State *L) {
    handle_t *handle = lua_newuserdatauv(L, sizeof(*handle), 1);
    *handle = (handle_t){0};
    luaL_setmetatable(L, CORE_METER);
    return handle;
}

static void
keep_handle(lua_State *L) {
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, HANDLE_KEY);
}

static lunalloc_lua_place_t
place_named(lua_State *L, int arg) {
    const char *name = lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : "";
    return lua_isinteger(L, arg)         ? LUNALLOC_LUA_GIVEN
           : strcmp(name, "shared") == 0 ? LUNALLOC_LUA_SHARED
                                         : LUNALLOC_LUA_NEW;
}

/* adopt(arena, limit, soft, on_soft): "new", "shared" or an index; bytes or 0; a function or nil. They were checked. */
static int
adopt(lua_State *L) {
    char message[256];
    lua_settop(L, 4);
    handle_t *handle = new_handle(L);
    lunalloc_lua_options_t options = {
        .place = place_named(L, 1),
        .arena = (uint32_t)lua_tointeger(L, 1),
        .limit = (size_t)lua_tointeger(L, 2),
        .soft = (size_t)lua_tointeger(L, 3),
        .on_soft = lua_isnil(L, 4) ? NULL : call_lua,
    };
    lunalloc_meter_t *meter = lunalloc_lua_adopt(L, &options, message, sizeof(message));
    if (meter == NULL) {
        return core_fail(L, loader_api() == NULL ? "ENOSYS" : "EAGAIN", "adopt: %s", message);
    }
    handle->meter = meter;
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, -2, ON_SOFT);
    keep_handle(L);
    return 1;
}

/* meter(): the object of this state's meter, or nil */
static int
meter_of_state(lua_State *L) {
    lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    lua_getfield(L, LUA_REGISTRYINDEX, HANDLE_KEY);
    const handle_t *present = luaL_testudata(L, -1, CORE_METER);
    if (meter == NULL || meter->closed || (present != NULL && present->meter == meter)) {
        if (meter == NULL || meter->closed) {
            lua_pushnil(L);
        }
        return 1;
    }
    new_handle(L)->meter = meter;
    keep_handle(L);
    return 1;
}

static const char *const type_names[LUNALLOC_LUA_TYPES] = {"other",    "string",   "table",
                                                           "function", "userdata", "thread"};

/* Everything that stats() tells, taken in one go: each table that is made of it changes the figures. */
typedef struct {
    lunalloc_meter_stats_t stats;
    size_t scopes[];
} figures_t;

static const figures_t *
take_figures(lua_State *L, lunalloc_meter_t *meter) {
    uint32_t n = meter->nscopes;
    figures_t *figures = lua_newuserdatauv(L, sizeof(*figures) + n * sizeof(size_t), 0);
    lunalloc_meter_stats(meter, &figures->stats);
    figures->stats.nscopes = n;
    for (uint32_t i = 0; i < n; i++) {
        figures->scopes[i] = lunalloc_meter_scope_bytes(meter, (int)i);
    }
    return figures;
}

static void
set_bytes(lua_State *L, const char *name, size_t bytes) {
    core_set_integer(L, name, (lua_Integer)bytes);
}

static void
push_by_type(lua_State *L, const lunalloc_meter_stats_t *stats) {
    lua_createtable(L, 0, LUNALLOC_LUA_TYPES);
    for (uint32_t i = 0; i < LUNALLOC_LUA_TYPES && type_names[i] != NULL; i++) {
        set_bytes(L, type_names[i], stats->by_type[i]);
    }
}

static void
push_scopes(lua_State *L, lunalloc_meter_t *meter, const figures_t *figures) {
    lua_createtable(L, 0, (int)figures->stats.nscopes);
    for (uint32_t i = 0; i < figures->stats.nscopes; i++) {
        set_bytes(L, lunalloc_meter_scope_name(meter, (int)i), figures->scopes[i]);
    }
}

/* stats() */
static int
meter_stats(lua_State *L) {
    const handle_t *handle = core_check_self(L, CORE_METER, "meter:stats");
    const figures_t *figures = take_figures(L, handle->meter);
    const lunalloc_meter_stats_t *stats = &figures->stats;
    lua_createtable(L, 0, 11);
    set_bytes(L, "arena", stats->arena);
    set_bytes(L, "allocated", stats->allocated);
    set_bytes(L, "foreign", stats->foreign);
    set_bytes(L, "peak", stats->peak);
    set_bytes(L, "held", stats->held);
    core_set_integer(L, "blocks", (lua_Integer)stats->blocks);
    core_set_integer(L, "failures", (lua_Integer)stats->failures);
    if (stats->limit != 0) {
        set_bytes(L, "limit", stats->limit);
    }
    if (stats->soft != 0) {
        set_bytes(L, "soft", stats->soft);
    }
    push_by_type(L, stats);
    core_set_value(L, "by_type");
    push_scopes(L, handle->meter, figures);
    core_set_value(L, "scopes");
    return 1;
}

/* meter_lift(meter): no limit holds until meter_set() is called, which needs memory itself. */
static int
meter_lift(lua_State *L) {
    lunalloc_meter_t *meter = check_open(L, "meter:set")->meter;
    meter->lifted = true;
    meter_set_ceiling(meter);
    return 0;
}

/* meter_set(meter, limit, soft, on_soft): nil leaves one as it is; 0 is none. lunalloc/adopt.lua has checked them. */
static int
meter_set(lua_State *L) {
    const handle_t *handle = check_open(L, "meter:set");
    if (!lua_isnoneornil(L, 4)) {
        set_on_soft(L, 1, 4);
    }
    if (!lua_isnoneornil(L, 2)) {
        lunalloc_meter_set_limit(handle->meter, (size_t)lua_tointeger(L, 2));
    }
    if (!lua_isnoneornil(L, 3)) {
        lunalloc_meter_set_soft(handle->meter, (size_t)lua_tointeger(L, 3));
    }
    handle->meter->lifted = false;
    meter_set_ceiling(handle->meter);
    lua_settop(L, 1);
    return 1;
}

/* close() */
static int
meter_close_once(lua_State *L) {
    meter_close(check_open(L, "meter:close")->meter);
    lua_pushboolean(L, true);
    return 1;
}

/* __close */
static int
meter_leave(lua_State *L) {
    const handle_t *handle = luaL_checkudata(L, 1, CORE_METER);
    if (handle->meter != NULL && !handle->meter->closed) {
        meter_close(handle->meter);
    }
    return 0;
}

static int
meter_tostring(lua_State *L) {
    const handle_t *handle = luaL_checkudata(L, 1, CORE_METER);
    if (handle->meter == NULL || handle->meter->closed) {
        lua_pushliteral(L, "meter (closed)");
    } else {
        lua_pushfstring(L, "meter: %I bytes in arena %d", (LUAI_UACINT)handle->meter->total,
                        (int)handle->meter->heap.memory.arena);
    }
    return 1;
}

/* ---- scopes ---- */

/* Makes the innermost open scope the current one. */
static void
enter_current(const handle_t *handle) {
    lunalloc_meter_enter(handle->meter, handle->current != NULL ? handle->current->number : handle->outside);
}

static void
open_scope(handle_t *handle, scope_t *scope) {
    if (handle->current == NULL) {
        handle->outside = lunalloc_meter_enter(handle->meter, -1);
    } else {
        handle->current->inner = scope;
    }
    scope->outer = handle->current;
    scope->open = true;
    handle->current = scope;
    enter_current(handle);
}

/* scope(name) */
static int
meter_scope(lua_State *L) {
    handle_t *handle = check_open(L, "meter:scope");
    size_t length = 0;
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &length) : NULL;
    if (name == NULL) {
        return core_bad_type(L, "meter:scope", 1, 2, "a name");
    } else if (strlen(name) != length || length == 0) {
        return core_bad_argument(L, "meter:scope", 1, "a name without zero bytes, and not an empty one, expected");
    }
    scope_t *scope = lua_newuserdatauv(L, sizeof(*scope), 1);
    *scope = (scope_t){.handle = handle};
    luaL_setmetatable(L, CORE_SCOPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    scope->number = lunalloc_meter_scope(handle->meter, name);
    if (scope->number < 0) {
        return core_fail(L, "ENOSPC", "no scope '%s': a meter has at most %d", name, LUNALLOC_LUA_SCOPES);
    }
    open_scope(handle, scope);
    return 1;
}

/* __close, __gc and close(): does nothing to a scope that is closed. */
static int
scope_close(lua_State *L) {
    scope_t *scope = luaL_checkudata(L, 1, CORE_SCOPE);
    if (scope->open) {
        scope->open = false;
        if (scope->inner != NULL) {
            scope->inner->outer = scope->outer;
        } else {
            scope->handle->current = scope->outer;
        }
        if (scope->outer != NULL) {
            scope->outer->inner = scope->inner;
        }
        enter_current(scope->handle);
    }
    return 0;
}

static int
scope_tostring(lua_State *L) {
    const scope_t *scope = luaL_checkudata(L, 1, CORE_SCOPE);
    const char *name = scope->handle == NULL || scope->handle->meter == NULL
                           ? NULL
                           : lunalloc_meter_scope_name(scope->handle->meter, scope->number);
    lua_pushfstring(L, "scope %s%s", name != NULL ? name : "?", scope->open ? "" : " (closed)");
    return 1;
}

void
core_open_meter(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"stats", meter_stats},
        {"close", meter_close_once},
        {"scope", meter_scope},
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__close", meter_leave},
        {"__tostring", meter_tostring},
        {NULL, NULL},
    };
    static const luaL_Reg scope_methods[] = {{"close", scope_close}, {NULL, NULL}};
    static const luaL_Reg scope_metamethods[] = {
        {"__close", scope_close},
        {"__gc", scope_close},
        {"__tostring", scope_tostring},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"adopt", adopt}, {"meter", meter_of_state}, {"meter_lift", meter_lift}, {"meter_set", meter_set}, {NULL, NULL},
    };
    core_new_type(L, CORE_METER, metamethods, methods);
    core_new_type(L, CORE_SCOPE, scope_metamethods, scope_methods);
    luaL_setfuncs(L, functions, 0);
    luaL_getmetatable(L, CORE_METER);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "meter_methods");
    lua_pop(L, 1);
}

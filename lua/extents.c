/*
 * extents.c -- walks over extents.
 *
 * A walker copies a batch of extents, each batch a consistent picture of its arena, and returns them one by one. It
 * holds no lock between calls, so Lua code may take its time, allocate, and stop early. A copied extent describes the
 * past: the next batch shows what the allocator did meanwhile.
 */
#include "extents.h"

#include <errno.h>
#include <string.h>

enum {
    BATCH = 256,
    WALK_MAX = 1 << 20,
    /* Upvalues of next() and fill() behind the names: */
    UPVALUE_WALKER = EXTENT_NAMES + 1, /* the type of walkers */
    UPVALUE_RECORD,                    /* the type of records */
};

/* Which extents a walk returns. */
typedef struct {
    int state;       /* a lunalloc_state_t; -1: any */
    int slab;        /* 0 or 1; -1: any */
    uint32_t szind;  /* LUNALLOC_NONE: any */
    size_t min_size; /* bytes */
    uint32_t fields; /* which of them the tables get, a bit for each; 0: records, which have all */
} filter_t;

/* User value 1: the batch; nil after the end of the walk. 2: the target. 0 <= next <= n <= BATCH. */
struct walker {
    lunalloc_cursor_t cursor;
    filter_t filter;
    size_t next, n;
};

/* True if the extent fits all conditions. */
static bool
matches(const filter_t *filter, const lunalloc_extent_t *extent) {
    return (filter->state < 0 || filter->state == (int)extent->state) &&
           (filter->slab < 0 || filter->slab == (int)extent->slab) &&
           (filter->szind == LUNALLOC_NONE || filter->szind == extent->szind) && extent->size >= filter->min_size;
}

/* Reads the conditions at `first` and after it: state, slab, min_size, szind. 0, or 3 after pushing a failure. */
static int
check_filter(lua_State *L, int first, filter_t *filter) {
    bool any_state = lua_isnoneornil(L, first);
    bool any_slab = lua_isnoneornil(L, first + 1);
    filter->state = any_state ? -1 : luaL_checkoption(L, first, NULL, extent_states);
    filter->slab = any_slab ? -1 : lua_toboolean(L, first + 1);
    filter->szind = core_opt_index(L, first + 3, LUNALLOC_NONE);
    filter->min_size = 0;
    return lua_isnoneornil(L, first + 2) ? 0 : core_to_size(L, "extents", 1, first + 2, &filter->min_size);
}

/* The names of fields in the array at `stack`, as bits; 0 if it is nil. */
static uint32_t
check_fields(lua_State *L, int stack) {
    uint32_t fields = 0;
    size_t n = lua_isnoneornil(L, stack) ? 0 : lua_rawlen(L, stack);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, stack, (lua_Integer)i);
        fields |= extent_field(lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "");
        lua_pop(L, 1);
    }
    return fields;
}

/* extents(arena, state, slab, min_size, szind, fields): a walker; nil means any; no fields: next() makes records */
static int
extents(lua_State *L) {
    uint32_t arena = core_opt_index(L, 1, LUNALLOC_ALL);
    filter_t filter;
    int failed = check_filter(L, 2, &filter);
    if (failed != 0) {
        return failed;
    }
    filter.fields = check_fields(L, 6);
    if (core_target(L) == NULL) {
        return core_not_loaded(L);
    }
    walker_t *walker = lua_newuserdatauv(L, sizeof(*walker), 2);
    *walker = (walker_t){.cursor = {.arena = arena}, .filter = filter};
    luaL_setmetatable(L, CORE_WALKER);
    lua_newuserdatauv(L, BATCH * sizeof(lunalloc_extent_t), 0);
    lua_setiuservalue(L, -2, 1);
    core_push_target(L);
    lua_setiuservalue(L, -2, 2);
    return 1;
}

/* Ends the walk of the walker at 1: its batch can be collected. */
static int
walker_close(lua_State *L) {
    core_check_self(L, CORE_WALKER, "walker:close");
    lua_pushnil(L);
    lua_setiuservalue(L, 1, 1);
    return 0;
}

/*
 * Finds the next extent that fits the filter; copies a new batch after the last one of this. 0; ENOENT at the end; or
 * the error of the target.
 */
static int
find_next(target_handle_t *target, walker_t *walker, lunalloc_extent_t *batch, lunalloc_extent_t *found) {
    for (;;) {
        while (walker->next < walker->n) {
            const lunalloc_extent_t *extent = &batch[walker->next++];
            if (matches(&walker->filter, extent)) {
                *found = *extent;
                return 0;
            }
        }
        walker->next = walker->n = 0;
        int error = target->ops->extents(target, &walker->cursor, batch, BATCH, &walker->n, NULL);
        if (error != 0 || walker->n == 0) {
            return error != 0 ? error : ENOENT;
        }
    }
}

/* The walker at 1. Quicker than by name, since the type is an upvalue. */
static walker_t *
check_walker(lua_State *L, const char *call) {
    bool is_walker = lua_getmetatable(L, 1) != 0 && lua_rawequal(L, -1, lua_upvalueindex(UPVALUE_WALKER));
    lua_settop(L, is_walker ? -2 : -1);
    return is_walker ? lua_touserdata(L, 1) : core_check_self(L, CORE_WALKER, call);
}

int
walker_advance(lua_State *L, walker_t *walker, lunalloc_extent_t *found, const target_handle_t **of) {
    lua_getiuservalue(L, 1, 1);
    lua_getiuservalue(L, 1, 2);
    lunalloc_extent_t *batch = lua_touserdata(L, -2);
    target_handle_t *target = core_target_at(L, -1);
    lua_pop(L, 2);
    *of = target;
    int error = batch == NULL || target == NULL ? ENOENT : find_next(target, walker, batch, found);
    if (error != 0) {
        walker_close(L);
    }
    return error;
}

/*
 * next(walker): a record, or a new table of the fields that were named; nil at the end; nil, message, code if the
 * target is lost on the way. A loop passes the last extent, too.
 */
static int
walker_next(lua_State *L) {
    lunalloc_extent_t extent;
    const target_handle_t *target;
    walker_t *walker = check_walker(L, "walker:next");
    int error = walker_advance(L, walker, &extent, &target);
    if (error == 0 && walker->filter.fields == 0) {
        extent_push_record(L, lua_upvalueindex(UPVALUE_RECORD), &extent);
    } else if (error == 0) {
        lua_createtable(L, 0, __builtin_popcount(walker->filter.fields));
        extent_set_fields(L, true, walker->filter.fields, &extent);
    } else if (error == ENOENT) {
        lua_pushnil(L);
    } else {
        return core_fail_target(L, error, target);
    }
    return 1;
}

/* fill(walker, table): puts the next extent's fields into that plain table; false at the end; nil, message, code */
static int
walker_fill(lua_State *L) {
    lunalloc_extent_t extent;
    const target_handle_t *target;
    walker_t *walker = check_walker(L, "walker:fill");
    if (!lua_istable(L, 2)) {
        return core_bad_type(L, "walker:fill", 1, 2, "table");
    }
    lua_settop(L, 2);
    int error = walker_advance(L, walker, &extent, &target);
    if (error == 0) {
        uint32_t fields = walker->filter.fields;
        extent_set_fields(L, true, fields != 0 ? fields : EXTENT_ALL_FIELDS, &extent);
    } else if (error != ENOENT) {
        return core_fail_target(L, error, target);
    }
    lua_pushboolean(L, error == 0);
    return 1;
}

static void
push_totals(lua_State *L, const lunalloc_page_totals_t *totals) {
    lua_createtable(L, 0, 6);
    core_set_integer(L, "arena", totals->arena);
    core_set_integer(L, "active", (lua_Integer)totals->active);
    core_set_integer(L, "dirty", (lua_Integer)totals->dirty);
    core_set_integer(L, "muzzy", (lua_Integer)totals->muzzy);
    core_set_integer(L, "retained", (lua_Integer)totals->retained);
    core_set_integer(L, "mapped", (lua_Integer)totals->mapped);
}

/* walk(arena, max): one batch of up to max extents of an arena, and that arena's totals at the same instant */
static int
walk(lua_State *L) {
    target_handle_t *target = core_target(L);
    uint32_t arena = core_opt_index(L, 1, LUNALLOC_ALL);
    lua_Integer max = luaL_optinteger(L, 2, BATCH);
    luaL_argcheck(L, arena != LUNALLOC_ALL, 1, "the index of an arena expected");
    luaL_argcheck(L, max >= 1 && max <= WALK_MAX, 2, "1 to 1048576 extents expected");
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_cursor_t cursor = {.arena = arena};
    lunalloc_page_totals_t totals = {.arena = arena};
    lunalloc_extent_t *batch = lua_newuserdatauv(L, (size_t)max * sizeof(*batch), 0);
    size_t n;
    int error = target->ops->extents(target, &cursor, batch, (size_t)max, &n, &totals);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        core_push_extent(L, &batch[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    push_totals(L, &totals);
    return 2;
}

static int
walker_tostring(lua_State *L) {
    const void *walker = luaL_checkudata(L, 1, CORE_WALKER);
    bool ended = lua_getiuservalue(L, 1, 1) != LUA_TUSERDATA;
    lua_pushfstring(L, "extents walker: %p%s", walker, ended ? " (ended)" : "");
    return 1;
}

void
core_add_extents(lua_State *L) {
    static const luaL_Reg functions[] = {{"extents", extents}, {"walk", walk}, {NULL, NULL}};
    core_add_functions(L, functions);
}

void
core_open_extents_type(lua_State *L) {
    static const luaL_Reg methods[] = {{"close", walker_close}, {NULL, NULL}};
    static const luaL_Reg steps[] = {{"next", walker_next}, {"fill", walker_fill}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__close", walker_close}, {"__tostring", walker_tostring}, {NULL, NULL}};
    core_new_type(L, CORE_WALKER, metamethods, methods);
    luaL_getmetatable(L, CORE_WALKER);
    lua_getfield(L, -1, "__index");
    extent_push_names(L);
    lua_pushvalue(L, -2 - EXTENT_NAMES);
    extent_open_record_type(L);
    luaL_setfuncs(L, steps, UPVALUE_RECORD);
    lua_pop(L, 2);
}

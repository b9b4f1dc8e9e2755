/*
 * controls.c -- the controls as primitives: the operations of a target on them. Lua makes the tree of controls, the
 * descriptions and completion of them; settings.c sets several at once.
 */
#include "core.h"

#include <errno.h>
#include <string.h>

static const char *const type_names[] = {
    [LUNALLOC_VOID] = "action",   [LUNALLOC_BOOL] = "bool",       [LUNALLOC_UNSIGNED] = "unsigned",
    [LUNALLOC_SIZE] = "size",     [LUNALLOC_SSIZE] = "ssize",     [LUNALLOC_U64] = "u64",
    [LUNALLOC_STRING] = "string", [LUNALLOC_POINTER] = "pointer", [LUNALLOC_STRUCT] = "struct",
};

/* The name of a control, at 1. One with a zero byte raises: C would take the part before it for the name. */
static const char *
check_name(lua_State *L, const char *call) {
    if (lua_type(L, 1) != LUA_TSTRING) {
        core_bad_type(L, call, 1, 1, "string");
    }
    const char *name = lua_tostring(L, 1);
    if (strlen(name) != lua_rawlen(L, 1)) {
        core_bad_argument(L, call, 1, "a name without zero bytes expected");
    }
    return name;
}

/* Pushes the value as the Lua type that fits it; an address as an integer. */
static void
push_value(lua_State *L, const lunalloc_value_t *value) {
    switch (value->type) {
    case LUNALLOC_BOOL:
        lua_pushboolean(L, value->v.b);
        break;
    case LUNALLOC_UNSIGNED:
    case LUNALLOC_SIZE:
    case LUNALLOC_U64:
        core_push_unsigned(L, value->v.u);
        break;
    case LUNALLOC_SSIZE:
        lua_pushinteger(L, value->v.i);
        break;
    case LUNALLOC_STRING:
        lua_pushstring(L, value->v.s != NULL ? value->v.s : "");
        break;
    case LUNALLOC_POINTER:
        lua_pushinteger(L, (lua_Integer)(uintptr_t)value->v.p);
        break;
    case LUNALLOC_VOID:
    case LUNALLOC_STRUCT:
        lua_pushnil(L);
        break;
    }
}

/* get(name): the value of a control; reading arenas.create or tcache.create creates one */
static int
get(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "get");
    lunalloc_value_t value;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->get(target, name, &value);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    push_value(L, &value);
    return 1;
}

bool
core_to_value(lua_State *L, const char *call, int arg, int stack, lunalloc_value_t *value) {
    int type = lua_type(L, stack), whole;
    lua_Integer integer = lua_tointegerx(L, stack, &whole);
    if (type == LUA_TNONE || type == LUA_TNIL) {
        return false;
    } else if (type == LUA_TBOOLEAN) {
        *value = (lunalloc_value_t){.type = LUNALLOC_BOOL, .v.b = lua_toboolean(L, stack)};
        return true;
    } else if (type == LUA_TNUMBER && whole) {
        *value = (lunalloc_value_t){.type = LUNALLOC_SSIZE, .v.i = integer};
        return true;
    } else if (type != LUA_TNUMBER && type != LUA_TSTRING) {
        core_bad_type(L, call, arg, stack, "boolean, number or string");
    }
    *value = (lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = lua_tostring(L, stack)};
    if (strlen(value->v.s) != lua_rawlen(L, stack)) {
        core_bad_argument(L, call, arg, "a value without zero bytes expected");
    }
    return true;
}

/* set(name[, value]): true; an action has no value */
static int
set(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "set");
    lunalloc_value_t value;
    bool given = core_to_value(L, "set", 2, 2, &value);
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->write(target, name, given ? &value : NULL);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* Pushes the row as a table. Fields that do not apply (live, min, max, default) are nil. */
static void
push_row(lua_State *L, const lunalloc_row_t *row) {
    lua_createtable(L, 0, 12);
    core_set_string(L, "name", row->name);
    core_set_string(L, "type", type_names[row->type]);
    core_set_string(L, "unit", row->unit);
    core_set_string(L, "access", row->access);
    core_set_string(L, "applies", row->applies);
    core_set_string(L, "doc", row->doc);
    if (row->live[0] != '\0') {
        core_set_string(L, "live", row->live);
    }
    if (row->ranged) {
        core_set_integer(L, "min", row->min);
        core_set_integer(L, "max", row->max);
    }
    if (row->default_text[0] != '\0') {
        core_set_string(L, "default", row->default_text);
    }
}

/* row(name): the row of a name or a pattern */
static int
row_of(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "describe");
    lunalloc_row_t row;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->describe(target, name, &row);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    push_row(L, &row);
    return 1;
}

/* rows(): an array of all rows, in the schema's order */
static int
rows(lua_State *L) {
    target_handle_t *target = core_target(L);
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_row_t row;
    size_t i = 0;
    int error;
    lua_newtable(L);
    while ((error = target->ops->row(target, i, &row)) == 0) {
        push_row(L, &row);
        lua_rawseti(L, -2, (lua_Integer)++i);
    }
    return error == ENOENT ? 1 : core_fail_target(L, error, target);
}

/* source(name): where the present value is from: "default", "file", "symbol", "environment" or "live" */
static int
source(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "source");
    const char *where;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->source(target, name, &where);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushstring(L, where);
    return 1;
}

/* limit(name): how many values the first open index of the name has now */
static int
limit(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "limit");
    if (target == NULL) {
        return core_not_loaded(L);
    }
    size_t n;
    int error = target->ops->limit(target, name, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

/* suggest(name): the known name that is nearest, or nil */
static int
suggest(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *name = check_name(L, "suggest");
    char near[256];
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->suggest(target, name, near, sizeof(near));
    if (error == 0) {
        lua_pushstring(L, near);
    } else if (error == ENOENT) {
        lua_pushnil(L);
    } else {
        return core_fail_target(L, error, target);
    }
    return 1;
}

void
core_add_controls(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"get", get},       {"set", set},     {"row", row_of},      {"rows", rows},
        {"source", source}, {"limit", limit}, {"suggest", suggest}, {NULL, NULL},
    };
    core_add_functions(L, functions);
}

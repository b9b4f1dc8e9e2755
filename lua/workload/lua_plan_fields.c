/*
 * lua_plan_fields.c -- see lua_plan_fields.h.
 */
#include "lua_plan_fields.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>

_Noreturn void
field_malformed(lua_State *L, const char *name) {
    luaL_error(L, "workload: malformed description: field '%s' is missing, of the wrong type or out of range", name);
    abort(); /* luaL_error does not return, which its declaration does not say */
}

/* Pushes the field, raw, and returns its type. */
int
field_push(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

/* The field as an integer of least .. most. */
lua_Integer
field_integer(lua_State *L, int index, const char *name, lua_Integer least, lua_Integer most) {
    int is_integer;
    field_push(L, index, name);
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || value < least || value > most) {
        field_malformed(L, name);
    }
    lua_pop(L, 1);
    return value;
}

/* The field as a number of least .. most. */
double
field_number(lua_State *L, int index, const char *name, double least, double most) {
    int is_number;
    field_push(L, index, name);
    double value = lua_tonumberx(L, -1, &is_number);
    if (!is_number || !(value >= least && value <= most)) {
        field_malformed(L, name);
    }
    lua_pop(L, 1);
    return value;
}

/* As field_number(), or `missing` if the field is nil. */
double
field_opt_number(lua_State *L, int index, const char *name, double least, double most, double missing) {
    bool absent = field_push(L, index, name) == LUA_TNIL;
    lua_pop(L, 1);
    return absent ? missing : field_number(L, index, name, least, most);
}

/* Pushes the string: it is valid while it is on the stack. NULL if the field is nil, which `optional` allows. */
const char *
field_push_string(lua_State *L, int index, const char *name, bool optional) {
    int type = field_push(L, index, name);
    if (type != LUA_TSTRING && !(optional && type == LUA_TNIL)) {
        field_malformed(L, name);
    }
    return lua_tostring(L, -1);
}

/* The string, which is added to the array at `keeper`: it is valid as long as that array. */
const char *
field_kept_string(lua_State *L, int index, const char *name, bool optional, int keeper) {
    const char *text = field_push_string(L, index, name, optional);
    if (text == NULL) {
        lua_pop(L, 1);
    } else {
        lua_rawseti(L, keeper, (lua_Integer)lua_rawlen(L, keeper) + 1);
    }
    return text;
}

/* Pushes the table and returns its length, 0 .. most. */
size_t
field_push_array(lua_State *L, int index, const char *name, size_t most) {
    if (field_push(L, index, name) != LUA_TTABLE || lua_rawlen(L, -1) > most) {
        field_malformed(L, name);
    }
    return lua_rawlen(L, -1);
}

/* Pushes element i, counted from 0, of the array at `index`, which must be a table; returns its place. */
int
field_push_element(lua_State *L, int index, size_t i, const char *name) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE) {
        field_malformed(L, name);
    }
    return lua_gettop(L);
}

/*
 * lua_plan_fields.h -- reads the fields of a canonical description, raw, and raises if one is missing, of the wrong
 * type or out of range. For the files lua_plan*.c.
 */
#ifndef WORKLOAD_LUA_PLAN_FIELDS_H
#define WORKLOAD_LUA_PLAN_FIELDS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

_Noreturn void field_malformed(lua_State *L, const char *name);

/* Pushes the field of the table at `index`, and returns its type. */
int field_push(lua_State *L, int index, const char *name);

/* The field as an integer or number of least .. most. */
lua_Integer field_integer(lua_State *L, int index, const char *name, lua_Integer least, lua_Integer most);
double field_number(lua_State *L, int index, const char *name, double least, double most);

/* As field_number(), or `missing` if the field is nil. */
double field_opt_number(lua_State *L, int index, const char *name, double least, double most, double missing);

/* Pushes the string: it is valid while it is on the stack. NULL if the field is nil, which `optional` allows. */
const char *field_push_string(lua_State *L, int index, const char *name, bool optional);

/* The string, which is added to the array at `keeper`: it is valid as long as that array. */
const char *field_kept_string(lua_State *L, int index, const char *name, bool optional, int keeper);

/* Pushes the table and returns its length, 0 .. most. */
size_t field_push_array(lua_State *L, int index, const char *name, size_t most);

/* Pushes element i, counted from 0, of the array at `index`, which must be a table; returns its place. */
int field_push_element(lua_State *L, int index, size_t i, const char *name);

#endif

/*
 * json.c -- json(value): a plain Lua value as JSON, by the writer that the allocator's report uses.
 *
 * A table whose keys are 1 to n is an array, and so is an empty one; any other is an object of its texts and numbers,
 * sorted, so that equal tables give equal texts. Tables are read raw. A number that JSON lacks is 0.
 */
#include "collect.h"
#include "core.h"

#include "observe/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEEPEST = 32 /* levels of tables; one that contains itself ends there */
};

static void put_value(lua_State *L, emit_t *out, int depth);

static int
compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of the table at the top that are texts, sorted, in a block that is pushed. *n: how many. */
static const char **
push_keys(lua_State *L, size_t *n) {
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        count += lua_type(L, -2) == LUA_TSTRING;
    }
    const char **keys = lua_newuserdatauv(L, (count + 1) * sizeof(*keys), 0);
    *n = 0;
    for (lua_pushnil(L); lua_next(L, -3) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            keys[(*n)++] = lua_tostring(L, -2); /* kept alive by the table */
        }
    }
    qsort(keys, *n, sizeof(*keys), compare_keys);
    return keys;
}

static void
put_object(lua_State *L, emit_t *out, int depth) {
    size_t n;
    const char **keys = push_keys(L, &n);
    json_open(out, '{');
    for (size_t i = 0; i < n; i++) {
        json_key(out, keys[i]);
        lua_pushstring(L, keys[i]);
        lua_rawget(L, -3);
        put_value(L, out, depth + 1);
        lua_pop(L, 1);
    }
    json_close(out, '}');
    lua_pop(L, 1);
}

static void
put_array(lua_State *L, emit_t *out, int depth) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    json_open(out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        put_value(L, out, depth + 1);
        lua_pop(L, 1);
    }
    json_close(out, ']');
}

static void
put_table(lua_State *L, emit_t *out, int depth) {
    luaL_checkstack(L, 8, NULL);
    lua_pushnil(L);
    bool empty = lua_next(L, -2) == 0;
    if (!empty) {
        lua_pop(L, 2);
    }
    if (depth == DEEPEST) {
        luaL_error(L, "json: tables more than %d deep", DEEPEST);
    } else if (empty || lua_rawlen(L, -1) > 0) {
        put_array(L, out, depth);
    } else {
        put_object(L, out, depth);
    }
}

/* A number that json_double() would round: with all its digits. */
static void
put_exact(emit_t *out, double value) {
    char text[32];
    snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value) {
        snprintf(text, sizeof(text), "%.17g", value);
    }
    text[strcspn(text, ",")] = text[strcspn(text, ",")] == ',' ? '.' : '\0'; /* the locale's decimal point */
    if (strchr("{[:", out->last) == NULL) { /* also true at the start, where it is '\0' */
        emit_char(out, ',');
    }
    emit_str(out, text);
}

static void
put_float(emit_t *out, double value) {
    double millionths = value * 1e6;
    bool exact = fabs(millionths) < 1e15 && millionths == floor(millionths);
    if (exact || !isfinite(value)) {
        json_double(out, value);
    } else {
        put_exact(out, value);
    }
}

/* Writes the value at the top, which stays. */
static void
put_value(lua_State *L, emit_t *out, int depth) {
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
        put_table(L, out, depth);
        break;
    case LUA_TBOOLEAN:
        json_bool(out, lua_toboolean(L, -1));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1)) {
            json_i64(out, lua_tointeger(L, -1));
        } else {
            put_float(out, lua_tonumber(L, -1));
        }
        break;
    case LUA_TSTRING:
        json_text(out, lua_tostring(L, -1));
        break;
    default:
        luaL_error(L, "json: no value for a %s", luaL_typename(L, -1));
    }
}

/* Protected: the value, and where the text goes. */
static int
put(lua_State *L) {
    collected_t *collected = lua_touserdata(L, 2);
    emit_t out;
    lua_settop(L, 1);
    emit_begin(&out, collected_piece, collected);
    put_value(L, &out, 0);
    emit_end(&out);
    return collected->failed ? luaL_error(L, "json: no memory for the text") : 0;
}

/* json(value): the text; raises if the value has none */
static int
json(lua_State *L) {
    collected_t collected = {0};
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushcfunction(L, put);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, &collected);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        collected_free(&collected);
        return lua_error(L);
    }
    return collected_push(L, &collected);
}

void
core_open_json(lua_State *L) {
    lua_pushcfunction(L, json);
    lua_setfield(L, -2, "json");
}

/*
 * with.c -- controls that are set together: all of them or none, and put back later.
 *
 * Everything that may raise, lack of memory included, is done before the first control is set: names, new values and
 * old ones lie ready as text. From there on nothing is allocated from Lua, neither here nor when they are put back.
 */
#include "core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_SIZE = 1024
};

/* User values: the arrays of the names and of the old values. */
typedef struct {
    lua_Integer napplied; /* the first so many are set, and not put back yet */
} guard_t;

enum {
    NAMES = 1,
    OLD
};

/* The text at [i] of the array at `index`, which keeps it. */
static const char *
text_at(lua_State *L, int index, lua_Integer i) {
    lua_rawgeti(L, index, i);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

/* Adds "; what" to the line. */
static void
join(char *line, size_t size, const char *what) {
    size_t used = strlen(line);
    snprintf(line + used, size - used, "%s%s", used == 0 ? "" : "; ", what);
}

/* Puts all back that is set, last one first; names and old values are at the top of the stack. What failed is joined in
 * `message`. */
static void
put_back(lua_State *L, guard_t *guard, char *message, size_t size) {
    char why[MESSAGE_SIZE] = "";
    int old = lua_gettop(L), names = old - 1;
    message[0] = '\0';
    for (lua_Integer i = guard->napplied; i > 0; i--) {
        if (loader_api()->ctl_set(text_at(L, names, i), text_at(L, old, i), why, sizeof(why)) != 0) {
            join(message, size, why);
        }
    }
    guard->napplied = 0;
}

/* restore(guard): again does nothing. Raises if some could not be put back; every one is tried. */
static int
guard_restore(lua_State *L) {
    guard_t *guard = core_check_self(L, CORE_GUARD, "guard:restore");
    char message[MESSAGE_SIZE];
    lua_getiuservalue(L, 1, NAMES);
    lua_getiuservalue(L, 1, OLD);
    put_back(L, guard, message, sizeof(message));
    return message[0] == '\0' ? 0 : luaL_error(L, "could not restore: %s", message);
}

static int
guard_tostring(lua_State *L) {
    const guard_t *guard = luaL_checkudata(L, 1, CORE_GUARD);
    lua_pushfstring(L, "with: %I settings to restore", (LUAI_UACINT)guard->napplied);
    return 1;
}

/* Pushes an array of the values as text. */
static void
push_texts(lua_State *L, int values, lua_Integer n) {
    lua_createtable(L, (int)n, 0);
    int texts = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, values, i);
        lua_pushstring(L, core_check_text(L, "with", 1, texts + 1)); /* NULL pushes nil */
        lua_rawseti(L, texts, i);
        lua_settop(L, texts);
    }
}

/* Pushes an array of the controls' present values as text. 0, or 3 after pushing a failure. */
static int
push_present(lua_State *L, int names, lua_Integer n) {
    char message[MESSAGE_SIZE] = "";
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lunalloc_value_t value;
        const char *name = text_at(L, names, i);
        int error = name == NULL ? ENOENT : loader_api()->ctl_get(name, &value, message, sizeof(message));
        if (error != 0) {
            return core_fail_errno(L, error, message);
        }
        if (!core_push_text(L, &value)) {
            return core_fail(L, "EPERM", "%s cannot be put back: its value is no text", name);
        }
        lua_rawseti(L, -2, i);
    }
    return 0;
}

/* Sets names[1 .. n], at 1, to texts, at 3. On failure those before are put back; errno, and `message`. */
static int
apply(lua_State *L, guard_t *guard, lua_Integer n, char *message, size_t size) {
    char ignored[MESSAGE_SIZE];
    int error = 0;
    while (error == 0 && guard->napplied < n) {
        lua_Integer i = guard->napplied + 1;
        error = loader_api()->ctl_set(text_at(L, 1, i), text_at(L, 3, i), message, size);
        guard->napplied += error == 0;
    }
    if (error != 0) {
        lua_getiuservalue(L, 5, NAMES);
        lua_getiuservalue(L, 5, OLD);
        put_back(L, guard, ignored, sizeof(ignored));
    }
    return error;
}

/* with(names, values): arrays of equal length; a guard, or nil, message, code and then nothing has changed */
static int
with(lua_State *L) {
    char message[MESSAGE_SIZE] = "";
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 20, NULL);
    lua_settop(L, 2);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    if (loader_api() == NULL) {
        return core_not_loaded(L);
    }
    push_texts(L, 1, n); /* a copy of the names, each checked */
    lua_replace(L, 1);
    push_texts(L, 2, n);
    int failed = push_present(L, 1, n);
    if (failed != 0) {
        return failed;
    }
    guard_t *guard = lua_newuserdatauv(L, sizeof(*guard), OLD);
    guard->napplied = 0;
    luaL_setmetatable(L, CORE_GUARD);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 5, NAMES);
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, 5, OLD);
    int error = apply(L, guard, n, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    return 1;
}

void
core_open_with(lua_State *L) {
    static const luaL_Reg methods[] = {{"restore", guard_restore}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__close", guard_restore}, {"__tostring", guard_tostring}, {NULL, NULL}};
    core_new_type(L, CORE_GUARD, metamethods, methods);
    lua_pushcfunction(L, with);
    core_set_value(L, "with");
}

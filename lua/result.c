/*
 * result.c -- failures, integers, fields and checked arguments, for all files of the core. See core.h for the
 * conventions.
 */
#include "core.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The names of the codes that the allocator documents; "EUNKNOWN" for any other. */
static const char *
errno_name(int error) {
    switch (error) {
    case ENOENT:
        return "ENOENT";
    case EINVAL:
        return "EINVAL";
    case EPERM:
        return "EPERM";
    case EAGAIN:
        return "EAGAIN";
    case ENOMEM:
        return "ENOMEM";
    case EFAULT:
        return "EFAULT";
    case EBUSY:
        return "EBUSY";
    case ENOSYS:
        return "ENOSYS";
    case ESRCH:
        return "ESRCH";
    case ENOTSUP:
        return "ENOTSUP";
    case ETIMEDOUT:
        return "ETIMEDOUT";
    case EPROTO:
        return "EPROTO";
    case EBADMSG:
        return "EBADMSG";
    case EPIPE:
        return "EPIPE";
    case ECONNREFUSED:
        return "ECONNREFUSED";
    case EACCES:
        return "EACCES";
    case EMSGSIZE:
        return "EMSGSIZE";
    default:
        return "EUNKNOWN";
    }
}

const char *
core_push_line(lua_State *L, const char *text) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (; *text != '\0'; text++) {
        luaL_addchar(&buffer, iscntrl((unsigned char)*text) ? '?' : *text);
    }
    luaL_pushresult(&buffer);
    return lua_tostring(L, -1);
}

int
core_fail(lua_State *L, const char *code, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    lua_pushnil(L);
    core_push_line(L, message);
    lua_pushstring(L, code);
    return 3;
}

int
core_fail_errno(lua_State *L, int error, const char *message) {
    lua_pushnil(L);
    core_push_line(L, message[0] != '\0' ? message : strerror(error));
    lua_pushstring(L, errno_name(error));
    return 3;
}

int
core_fail_target(lua_State *L, int error, const target_handle_t *target) {
    return core_fail_errno(L, error, target->message);
}

int
core_not_loaded(lua_State *L) {
    lua_pushnil(L);
    lua_pushfstring(L, "the allocator is not loaded: %s; set LUNALLOC_SO to the path of liblunalloc.so",
                    loader_reason());
    lua_pushliteral(L, "ENOSYS");
    return 3;
}

void
core_push_records(lua_State *L, const void *records, size_t size, size_t n,
                  void (*push_one)(lua_State *L, const void *record)) {
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_one(L, (const char *)records + i * size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void
core_push_unsigned(lua_State *L, uint64_t value) {
    if (value <= INT64_MAX) {
        lua_pushinteger(L, (lua_Integer)value);
    } else {
        lua_pushnumber(L, (lua_Number)value);
    }
}

void
core_set_value(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_insert(L, -2);
    lua_rawset(L, -3);
}

void
core_set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    core_set_value(L, name);
}

void
core_set_boolean(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    core_set_value(L, name);
}

void
core_set_string(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    core_set_value(L, name);
}

int
core_bad_argument(lua_State *L, const char *call, int arg, const char *why) {
    return luaL_error(L, "bad argument #%d to '%s' (%s)", arg, call, why);
}

int
core_bad_type(lua_State *L, const char *call, int arg, int stack, const char *what) {
    return core_bad_argument(L, call, arg, lua_pushfstring(L, "%s expected, got %s", what, luaL_typename(L, stack)));
}

void *
core_check_self(lua_State *L, const char *type, const char *call) {
    void *self = luaL_testudata(L, 1, type);
    if (self == NULL) {
        luaL_error(L, "calling '%s' on bad self (%s expected, got %s)", call, type, luaL_typename(L, 1));
    }
    return self;
}

uint32_t
core_opt_index(lua_State *L, int arg, uint32_t fallback) {
    if (lua_isnoneornil(L, arg)) {
        return fallback;
    }
    lua_Integer value = luaL_checkinteger(L, arg);
    luaL_argcheck(L, value >= 0 && value < (lua_Integer)UINT32_MAX, arg, "an index, 0 or more, expected");
    return (uint32_t)value;
}

void
core_new_type(lua_State *L, const char *type, const luaL_Reg *metamethods, const luaL_Reg *methods) {
    luaL_newmetatable(L, type);
    luaL_setfuncs(L, metamethods, 0);
    if (methods != NULL) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

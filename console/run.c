/*
 * run.c -- see run.h.
 */
#include "run.h"

#include "interrupt.h"
#include "line.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The text of an error value: itself if it is a string, the result of its __tostring, or a description of its type. */
static const char *
message_text(lua_State *L, int index) {
    const char *text = lua_tostring(L, index);
    if (text == NULL && luaL_callmeta(L, index, "__tostring") && lua_type(L, -1) == LUA_TSTRING) {
        return lua_tostring(L, -1);
    }
    return text != NULL ? text : lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

/* Replaces the message on the top of the stack by the text that lunalloc.errors makes of it; false if it cannot, for
 * lack of memory or stack, or before it is loaded. */
static bool
explain(lua_State *L, const char *function) {
    int top = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    bool done = lua_getfield(L, -1, "lunalloc.errors") == LUA_TTABLE;
    if (done) {
        lua_getfield(L, -1, function);
        lua_pushvalue(L, top);
        done = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING;
    }
    lua_copy(L, done ? -1 : top, top);
    lua_settop(L, top);
    return done;
}

/* The message handler of lua_pcall. */
static int
add_context(lua_State *L) {
    const char *text = message_text(L, 1);
    lua_pushstring(L, text);
    if (!explain(L, "runtime")) {
        luaL_traceback(L, L, text, 1);
    }
    return 1;
}

status_t
run_call(lua_State *L, int nargs, int nresults) {
    int base = lua_gettop(L) - nargs;
    lua_pushcfunction(L, add_context);
    lua_insert(L, base);
    interrupt_enter(L);
    int status = lua_pcall(L, nargs, nresults, base);
    bool interrupted = interrupt_leave();
    lua_remove(L, base);
    if (status == LUA_OK) {
        return STATUS_OK;
    }
    return interrupted ? STATUS_INTERRUPTED : STATUS_SCRIPT;
}

void
run_report(lua_State *L) {
    line_finish_output();
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "lunalloc: %s\n", text != NULL ? text : "(error without a message)");
    fflush(stderr);
    lua_pop(L, 1);
}

/* Prints the error, if there is one; returns the status. */
static status_t
reported(lua_State *L, status_t status) {
    if (status != STATUS_OK) {
        run_report(L);
    }
    return status;
}

/* Tells lunalloc.errors the text of a chunk, so that it can show the line of an error. */
static void
remember(lua_State *L, const char *chunk_name, const char *text) {
    int top = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, "lunalloc.errors") == LUA_TTABLE) {
        lua_getfield(L, -1, "remember");
        lua_pushstring(L, chunk_name);
        lua_pushstring(L, text);
        lua_pcall(L, 2, 0, 0);
    }
    lua_settop(L, top);
}

status_t
run_string(lua_State *L, const char *text, const char *chunk_name) {
    remember(L, chunk_name, text);
    if (luaL_loadbuffer(L, text, strlen(text), chunk_name) != LUA_OK) {
        explain(L, "syntax");
        return reported(L, STATUS_SCRIPT);
    }
    return reported(L, run_call(L, 0, 0));
}

status_t
run_file(lua_State *L, const char *name, int nargs) {
    int loaded = luaL_loadfile(L, name);
    if (loaded != LUA_OK) {
        lua_insert(L, -1 - nargs);
        lua_pop(L, nargs);
        explain(L, "syntax");
        return reported(L, loaded == LUA_ERRFILE ? STATUS_USAGE : STATUS_SCRIPT);
    }
    lua_insert(L, -1 - nargs);
    return reported(L, run_call(L, nargs, 0));
}

status_t
run_require(lua_State *L, const char *module) {
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    status_t status = run_call(L, 1, 1);
    if (status == STATUS_OK) {
        lua_setglobal(L, module);
    }
    return reported(L, status);
}

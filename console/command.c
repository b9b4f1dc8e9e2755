/*
 * command.c -- hands a command line to lunalloc.command, which is written in Lua; see command.h.
 */
#include "command.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

bool
command_is_word(const char *argument) {
    if (!isalpha((unsigned char)argument[0])) {
        return false;
    }
    const char *end = argument;
    while (isalnum((unsigned char)*end) || *end == '-' || *end == '_') {
        end++;
    }
    return *end == '\0';
}

/* Pushes the function `name` of lunalloc.command. If there is no such module, prints why, and pushes nothing. */
static status_t
push_function(lua_State *L, const char *name) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunalloc.command");
    status_t status = run_call(L, 1, 1);
    if (status != STATUS_OK) {
        run_report(L);
        return STATUS_USAGE;
    }
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
    return STATUS_OK;
}

/* The subcommand's results are on the stack: its status, and what is to follow. Pops them. */
static command_end_t
take_results(lua_State *L, status_t *status) {
    static const char *const ends[] = {"done", "prompt", "script"};
    const char *end = lua_tostring(L, -1);
    command_end_t which = COMMAND_DONE;
    for (command_end_t i = COMMAND_DONE; end != NULL && i <= COMMAND_SCRIPT; i++) {
        which = strcmp(end, ends[i]) == 0 ? i : which;
    }
    *status = (status_t)lua_tointeger(L, -2);
    lua_pop(L, 2);
    return which;
}

command_end_t
command_run(lua_State *L, char **argv, int nargs, status_t *status) {
    *status = push_function(L, "main");
    if (*status != STATUS_OK) {
        return COMMAND_DONE;
    }
    luaL_checkstack(L, 8, NULL);
    lua_pushstring(L, argv[0]);
    lua_createtable(L, nargs, 0);
    for (int i = 1; i <= nargs; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    *status = run_call(L, 2, 2);
    if (*status == STATUS_OK) {
        return take_results(L, status);
    }
    if (*status == STATUS_INTERRUPTED) {
        lua_pop(L, 1);
    } else {
        run_report(L);
    }
    return COMMAND_DONE;
}

status_t
command_list(lua_State *L) {
    status_t status = push_function(L, "list");
    if (status == STATUS_OK) {
        status = run_call(L, 0, 0);
        if (status != STATUS_OK) {
            run_report(L);
        }
    }
    return status;
}

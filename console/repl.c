/*
 * repl.c -- see repl.h.
 *
 * The Lua stack within the loop, from the bottom: the input (a string that grows line by line); the array of its
 * pieces, or an error message; the function that runs, or its results. It is empty between inputs.
 */
#include "repl.h"

#include "input.h"
#include "line.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints the error message on the top of the stack, pops it, and returns the status. */
static status_t
fail(lua_State *L, status_t status) {
    run_report(L);
    return status;
}

/* Calls function `name` of the module lunalloc.prompt with the nargs values on the top of the stack, which it pops. */
static status_t
prompt_call(lua_State *L, const char *name, int nargs, int nresults) {
    int first = lua_gettop(L) - nargs + 1;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunalloc.prompt");
    status_t status = run_call(L, 1, 1);
    if (status == STATUS_OK) {
        lua_getfield(L, -1, name);
        lua_replace(L, -2);
        lua_insert(L, first);
        status = run_call(L, nargs, nresults);
    }
    return status;
}

/* Prints the values at stack indices first .. top, and pops them. */
static status_t
print_values(lua_State *L, int first) {
    int count = lua_gettop(L) - first + 1;
    if (count == 0) {
        return STATUS_OK;
    }
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        lua_settop(L, first - 1);
        lua_pushliteral(L, "too many values to print");
        return fail(L, STATUS_SCRIPT);
    }
    line_finish_output();
    status_t status = prompt_call(L, "print", count, 0);
    return status == STATUS_OK ? status : fail(L, status);
}

/* Runs the function on the top of the stack; prints its results, or its error. */
static status_t
evaluate(lua_State *L) {
    int first = lua_gettop(L);
    status_t status = run_call(L, 0, LUA_MULTRET);
    return status == STATUS_OK ? print_values(L, first) : fail(L, status);
}

/* Runs a command. *quit becomes true if it ends the prompt. */
static status_t
command(lua_State *L, const char *line, bool *quit) {
    lua_pushstring(L, line);
    status_t status = prompt_call(L, "command", 1, 2);
    if (status != STATUS_OK) {
        return fail(L, status);
    }
    bool done = lua_toboolean(L, -2);
    *quit = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return done ? STATUS_OK : STATUS_USAGE;
}

/* Appends a line to the input at stack index 1. */
static void
append_line(lua_State *L, char *line) {
    if (lua_gettop(L) == 0) {
        lua_pushstring(L, line);
    } else {
        lua_settop(L, 1);
        lua_pushfstring(L, "%s\n%s", lua_tostring(L, 1), line);
        lua_replace(L, 1);
    }
    free(line);
}

/* Runs the pieces in the array at stack index 2 one after the other, up to the first that fails: later ones may depend
 * on it. */
static status_t
run_all(lua_State *L, bool *quit) {
    status_t status = STATUS_OK;
    lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
    for (lua_Integer i = 1; i <= count && status == STATUS_OK && !*quit; i++) {
        lua_settop(L, 2);
        bool is_command = lua_rawgeti(L, 2, i) == LUA_TSTRING;
        status = is_command ? command(L, lua_tostring(L, -1), quit) : evaluate(L);
    }
    return status;
}

/* Runs the input at stack index 1, which has all its lines. */
static status_t
run_input(lua_State *L, bool *quit) {
    lua_settop(L, 1);
    line_remember(lua_tostring(L, 1));
    lua_pushvalue(L, 1);
    status_t status = prompt_call(L, "begin", 1, 0);
    if (status != STATUS_OK) {
        return fail(L, status);
    }
    if (input_compile(L) == INPUT_READY) {
        return run_all(L, quit);
    }
    status = prompt_call(L, "explain", 1, 1);
    return fail(L, status == STATUS_OK ? STATUS_SCRIPT : status);
}

/* Gets the text before the cursor, which tells the state of what is looked at. Leaves it on the stack. */
static const char *
prompt_text(lua_State *L) {
    if (prompt_call(L, "text", 0, 1) != STATUS_OK || lua_type(L, -1) != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushliteral(L, "lunalloc> ");
    }
    return lua_tostring(L, -1);
}

/* Reads one input, of one or more lines, to stack index 1. */
static line_status_t
read_input(lua_State *L) {
    char *line;
    line_prompt_t prompt = PROMPT_FIRST;
    line_set_prompt(prompt_text(L));
    lua_pop(L, 1);
    for (;;) {
        line_status_t status = line_read(prompt, &line);
        if (status == LINE_INTERRUPTED || (status == LINE_END && prompt == PROMPT_FIRST)) {
            return status;
        }
        if (status == LINE_END) {
            return LINE_TEXT; /* an incomplete input is run, to show its error; the next read finds the end again */
        }
        append_line(L, line);
        if (input_compile(L) != INPUT_INCOMPLETE) {
            return LINE_TEXT;
        }
        prompt = PROMPT_MORE;
    }
}

/* The status after an input that failed, or at the end: STATUS_LOST if the process that is attached to has ended. */
static status_t
unless_lost(lua_State *L, status_t status) {
    lua_settop(L, 0);
    bool lost = status != STATUS_INTERRUPTED && prompt_call(L, "is_lost", 0, 1) == STATUS_OK && lua_toboolean(L, -1);
    lua_settop(L, 0);
    return lost ? STATUS_LOST : status;
}

status_t
repl_run(lua_State *L) {
    line_open(L);
    bool quit = false;
    status_t first = STATUS_OK;
    while (!quit) {
        lua_settop(L, 0);
        line_status_t read = read_input(L);
        status_t status = read == LINE_TEXT ? run_input(L, &quit) : STATUS_OK;
        quit = quit || read == LINE_END;
        first = first == STATUS_OK && (status != STATUS_OK || quit) ? unless_lost(L, status) : first;
    }
    lua_settop(L, 0);
    return first;
}

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

/* Prints the values at stack indices first .. top with lunalloc.show, and pops them. */
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
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunalloc.show");
    status_t status = run_call(L, 1, 1);
    if (status == STATUS_OK) {
        lua_getfield(L, -1, "print");
        lua_replace(L, -2);
        lua_insert(L, first);
        status = run_call(L, count, 0);
    }
    return status == STATUS_OK ? status : fail(L, status);
}

/* Runs the function on the top of the stack; prints its results, or its error. */
static status_t
evaluate(lua_State *L) {
    int first = lua_gettop(L);
    status_t status = run_call(L, 0, LUA_MULTRET);
    return status == STATUS_OK ? print_values(L, first) : fail(L, status);
}

static status_t
show_help(lua_State *L, const char *word) {
    lua_getglobal(L, "help");
    lua_pushstring(L, word);
    status_t status = run_call(L, 1, 0);
    return status == STATUS_OK ? status : fail(L, status);
}

/* Runs a dot command. *quit becomes true if it ends the prompt. */
static status_t
command(lua_State *L, const char *line, bool *quit) {
    size_t length = strcspn(line, " \t");
    const char *word = line + length + strspn(line + length, " \t");
    *quit = strncmp(line, ".quit", length) == 0 && length == 5;
    if (*quit) {
        return STATUS_OK;
    }
    if (strncmp(line, ".help", length) == 0 && length == 5) {
        return show_help(L, word[0] != '\0' ? word : NULL);
    }
    fprintf(stderr, "lunalloc: unknown command '%.*s'; the commands are .help [WORD] and .quit\n", (int)length, line);
    return STATUS_USAGE;
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
    return input_compile(L) == INPUT_READY ? run_all(L, quit) : fail(L, STATUS_SCRIPT);
}

/* Reads one input, of one or more lines, to stack index 1. */
static line_status_t
read_input(lua_State *L) {
    char *line;
    line_prompt_t prompt = PROMPT_FIRST;
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
        first = first == STATUS_OK ? status : first;
    }
    lua_settop(L, 0);
    return first;
}

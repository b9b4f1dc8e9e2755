/*
 * repl.c -- see repl.h.
 *
 * The Lua stack of the loop: at most the input (a string that grows line by line), then what became of it (a function,
 * its results, or a message). It is empty between inputs.
 */
#include "repl.h"

#include "line.h"
#include "run.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char chunk_name[] = "=input";

/* The lexer ran out of text: more of it may make it right. */
static bool
is_cut_short(lua_State *L, int status) {
    static const char mark[] = "<eof>";
    size_t length;
    const char *message = lua_tolstring(L, -1, &length);
    size_t tail = sizeof mark - 1;
    return status == LUA_ERRSYNTAX && length >= tail && strcmp(message + length - tail, mark) == 0;
}

typedef enum {
    INPUT_READY,
    INPUT_INCOMPLETE,
    INPUT_WRONG
} input_t;

/*
 * Compiles the input at stack index 1, as an expression if it is one, else as statements. Leaves the function, or the
 * message about the statements, on the top.
 */
static input_t
compile(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    const char *expression = lua_pushfstring(L, "return %s", text);
    int status = luaL_loadbuffer(L, expression, strlen(expression), chunk_name);
    bool incomplete = is_cut_short(L, status);
    lua_remove(L, -2);
    if (status == LUA_OK) {
        return INPUT_READY;
    }
    lua_pop(L, 1);
    status = luaL_loadbuffer(L, text, strlen(text), chunk_name);
    if (status == LUA_OK) {
        return INPUT_READY;
    }
    return incomplete || is_cut_short(L, status) ? INPUT_INCOMPLETE : INPUT_WRONG;
}

/* Prints the values at stack indices first .. top by lunalloc.show, and pops them. */
static void
print_values(lua_State *L, int first) {
    int count = lua_gettop(L) - first + 1;
    if (count == 0) {
        return;
    }
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        lua_settop(L, first - 1);
        lua_pushliteral(L, "too many values to print");
        run_report(L);
        return;
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
    if (status != STATUS_OK) {
        run_report(L);
    }
}

/* Runs the compiled input on the top of the stack; prints what it returns or the error. */
static void
evaluate(lua_State *L) {
    int first = lua_gettop(L);
    if (run_call(L, 0, LUA_MULTRET) == STATUS_OK) {
        print_values(L, first);
    } else {
        run_report(L);
    }
}

static void
show_help(lua_State *L, const char *word) {
    lua_getglobal(L, "help");
    lua_pushstring(L, word);
    if (run_call(L, 1, 0) != STATUS_OK) {
        run_report(L);
    }
}

typedef enum {
    GO_ON,
    QUIT
} verdict_t;

/* A line that starts with a dot; no Lua statement does. */
static verdict_t
command(lua_State *L, const char *line) {
    size_t length = strcspn(line, " \t");
    const char *word = line + length + strspn(line + length, " \t");
    if (strncmp(line, ".quit", length) == 0 && length == 5) {
        return QUIT;
    }
    if (strncmp(line, ".help", length) == 0 && length == 5) {
        show_help(L, word[0] != '\0' ? word : NULL);
    } else {
        fprintf(stderr, "lunalloc: unknown command '%.*s'; there are .help [WORD] and .quit\n", (int)length, line);
    }
    return GO_ON;
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

/* The input at stack index 1 is as long as it will get: runs it. */
static verdict_t
process(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    line_remember(text);
    if (text[0] == '.') {
        return command(L, text);
    }
    if (compile(L) == INPUT_READY) {
        evaluate(L);
    } else {
        run_report(L);
    }
    return GO_ON;
}

/* Reads one input, of as many lines as it takes, to stack index 1. */
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
            return LINE_TEXT; /* what there is, so that its error shows; the next read meets the end again */
        }
        append_line(L, line);
        if (lua_tostring(L, 1)[0] == '.' || compile(L) != INPUT_INCOMPLETE) {
            return LINE_TEXT;
        }
        prompt = PROMPT_MORE;
    }
}

void
repl_run(lua_State *L) {
    line_open(L);
    verdict_t verdict = GO_ON;
    while (verdict == GO_ON) {
        lua_settop(L, 0);
        line_status_t status = read_input(L);
        lua_settop(L, status == LINE_TEXT ? 1 : 0);
        if (status == LINE_TEXT) {
            verdict = process(L);
        } else if (status == LINE_END) {
            verdict = QUIT;
        }
    }
    lua_settop(L, 0);
}

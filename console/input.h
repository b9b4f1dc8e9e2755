/*
 * input.h -- what was entered at the prompt, cut into what is run in turn.
 *
 * An input is one expression or chunk, of as many lines as it takes; or, if it was pasted, several of them, each of
 * whole lines, with dot commands between them. Each is as short as it can be. If the lines do not stand alone, as in a
 * call that is continued by ":method()" in the next line, the whole is one chunk. From the first one that begins with
 * "local" on, the rest is one chunk if it can be, since the variable is for what follows; its last line may be an
 * expression.
 */
#ifndef CONSOLE_INPUT_H
#define CONSOLE_INPUT_H

#include <lua.h>
#include <stdbool.h>

typedef enum {
    INPUT_READY,
    INPUT_INCOMPLETE, /* more text may make it right */
    INPUT_WRONG
} input_t;

/* Compiles the text at stack index 1. INPUT_READY: pushes an array, of functions, and of strings for dot commands, in
 * the order in which they are to be run. Otherwise pushes a message. */
input_t input_compile(lua_State *L);

/* A dot and a letter; no Lua statement begins so. */
bool input_is_command(const char *line);

#endif

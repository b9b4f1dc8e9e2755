/*
 * input.h -- compiles an input: cuts the text entered at the prompt into pieces that are run one after the other.
 *
 * An input that was typed is one piece: an expression or a chunk, of one or more lines. A pasted input can have several
 * pieces, each of whole lines, and commands between them. Commands are ".name", "?word", "quit" and "exit". "=" before
 * an expression is skipped. The rules:
 *
 *   - A piece ends with the first line that makes it complete.
 *   - If a line makes no piece of its own, such as ":method()" that continues the call in the line before it, the whole
 *     input is one chunk.
 *   - From the first piece that begins with "local", the rest of the input is one chunk if it compiles as one, since a
 *     local variable ends with its chunk. The last line of that chunk may be an expression.
 */
#ifndef CONSOLE_INPUT_H
#define CONSOLE_INPUT_H

#include <lua.h>
#include <stdbool.h>

typedef enum {
    INPUT_READY,
    INPUT_INCOMPLETE, /* more lines may complete it */
    INPUT_WRONG
} input_t;

/* Compiles the text at stack index 1. On INPUT_READY pushes an array of the pieces in the order in which they run: a
 * function for Lua code, a string for a command. Otherwise pushes an error message. */
input_t input_compile(lua_State *L);

#endif

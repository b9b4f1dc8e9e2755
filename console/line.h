/*
 * line.h -- reads one line from the user: with readline on a terminal, plainly otherwise.
 */
#ifndef CONSOLE_LINE_H
#define CONSOLE_LINE_H

#include <lua.h>

typedef enum {
    LINE_TEXT,
    LINE_END,        /* end of input */
    LINE_INTERRUPTED /* Ctrl-C: what was typed is gone */
} line_status_t;

typedef enum {
    PROMPT_FIRST, /* a new input */
    PROMPT_MORE   /* an input that goes on */
} line_prompt_t;

/* Once, before the first line: history, completion against the globals of L. */
void line_open(lua_State *L);

/* On LINE_TEXT, *text is the line without its newline, to be freed by the caller. */
line_status_t line_read(line_prompt_t prompt, char **text);

/* A whole input was entered: remembers it. */
void line_remember(const char *text);

#endif

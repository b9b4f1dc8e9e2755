/*
 * line.h -- reads one line of input: with readline on a terminal, with getline otherwise.
 */
#ifndef CONSOLE_LINE_H
#define CONSOLE_LINE_H

#include <lua.h>

typedef enum {
    LINE_TEXT,
    LINE_END,        /* end of input */
    LINE_INTERRUPTED /* Ctrl-C: the typed line is dropped */
} line_status_t;

typedef enum {
    PROMPT_FIRST, /* a new input */
    PROMPT_MORE   /* a further line of the same input */
} line_prompt_t;

/* Call once, before the first line: sets up history, and completion from the globals of L. */
void line_open(lua_State *L);

/* Sets the text of PROMPT_FIRST, without colours: one line of ASCII. PROMPT_MORE gets the same width. */
void line_set_prompt(const char *text);

/* On LINE_TEXT, *text is the line without its newline; the caller frees it. */
line_status_t line_read(line_prompt_t prompt, char **text);

/* Adds a whole input, of one or more lines, to the history. */
void line_remember(const char *text);

/* Flushes standard output. On a terminal, first ends a line that was begun: what follows is not glued to it. */
void line_finish_output(void);

#endif

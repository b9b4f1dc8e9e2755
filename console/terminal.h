/*
 * terminal.h -- what the console knows about its terminal, for C and, as the module "lunalloc.console", for Lua.
 */
#ifndef CONSOLE_TERMINAL_H
#define CONSOLE_TERMINAL_H

#include <lua.h>
#include <stdbool.h>

/* Standard input and output are both a terminal: lines can be edited. */
bool terminal_editable(void);

/* Escape sequences are welcome on standard output: a terminal, not a dumb one, and NO_COLOR is unset or empty. */
bool terminal_colour(void);

/*
 * The module: tty, colour (booleans about standard output), width(), height() (cells; COLUMNS and LINES where there is
 * no terminal; 80 x 24 failing both), sleep(seconds) (returns early on Ctrl-C).
 */
int terminal_open(lua_State *L);

#endif

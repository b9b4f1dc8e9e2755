/*
 * terminal.h -- the size and abilities of the terminal: functions for C, and the module "lunalloc.console" for Lua. Ask
 * it before drawing: may lines be edited, may there be colour, how many columns are there?
 */
#ifndef CONSOLE_TERMINAL_H
#define CONSOLE_TERMINAL_H

#include <lua.h>
#include <stdbool.h>

/* Can lines be edited? Only if standard input and output are both terminals. */
bool terminal_editable(void);

/* May output move the cursor and erase? Only if standard output is a terminal, TERM is set and not "dumb". */
bool terminal_addressable(void);

/* The width of the terminal in cells; 0 if it is not known. */
int terminal_columns(void);

/* May output be coloured? Only if output may move the cursor, and NO_COLOR is unset or empty. */
bool terminal_colour(void);

/*
 * Opens the Lua module:
 *     tty, colour        booleans about standard output
 *     editable           standard input is a terminal, too
 *     width(), height()  of the terminal in cells; without a terminal COLUMNS and LINES, or else 80 and 24
 *     sleep(seconds)     returns early, with false, on a signal such as Ctrl-C
 *     clock()            seconds of a clock that never goes back
 */
int terminal_open(lua_State *L);

#endif

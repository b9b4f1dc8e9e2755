/*
 * screen.h -- a full-screen terminal for Lua programs: the module "lunalloc.screen", over ncurses. Use it for a display
 * that is drawn anew again and again, such as `lunalloc top`; text that scrolls needs only terminal.h.
 *
 * open() takes the terminal, close() gives it back as it was. It is given back on every other way out, too: when the
 * process exits, and when a signal ends it (SIGTERM, SIGHUP, SIGQUIT, and those of a crash). On Ctrl-Z ncurses gives it
 * back, and draws the picture again when the process continues. Ctrl-C stays a Lua error (interrupt.h), so the Lua
 * code has to close the screen when it is left by an error.
 *
 * Two implementations, of which the Makefile links one: screen.c, and screen_absent.c where ncurses is missing.
 */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include <lua.h>

/*
 * Opens the Lua module. Rows and columns count from 0. Only the main thread may call these functions.
 *
 *     open()        takes the terminal; true, or nil, message, code: "ENOTTY" (standard input or output is none),
 *                   "ENODEV" (TERM is unknown, or cannot move its cursor), "ENOSYS" (built without ncurses)
 *     close()       gives it back; nothing if it is not open
 *     size()        rows, columns
 *     colours()     are there eight colours? Not if NO_COLOR is set
 *     utf8()        does the locale have UTF-8?
 *     clear()       blanks the picture; as all drawing, seen after flush()
 *     put(row, column, text[, style])     draws text, cut at the right edge; nothing outside of the screen
 *                   style: COLOUR, 0 the terminal's own, 1 to 7 as in ANSI's 31 to 37, plus BOLD, DIM, REVERSE
 *     cursor(row, column)    shows the cursor there; hides it without arguments
 *     flush()       shows the picture
 *     key(ms)       waits for a key: a character, or "enter" "escape" "backspace" "tab" "backtab" "up" "down" "left"
 *                   "right" "pageup" "pagedown" "home" "end" "resize" "other"; nil if none was pressed in time;
 *                   nil, message, "EIO" if the terminal is gone
 */
int screen_module_open(lua_State *L);

#endif

/*
 * run.h -- protected calls into Lua, with tracebacks on stderr and Ctrl-C.
 */
#ifndef CONSOLE_RUN_H
#define CONSOLE_RUN_H

#include <lua.h>

/* The process's exit status. A script's os.exit(n) gives n; 4 is by convention "a limit was missed". */
typedef enum {
    STATUS_OK = 0,
    STATUS_USAGE = 1,      /* the console's own error: bad command line, unreadable script, no module */
    STATUS_SCRIPT = 3,     /* an error in Lua code; it has been reported */
    STATUS_INTERRUPTED = 5 /* never an exit status: the process ends by SIGINT */
} status_t;

/*
 * lua_pcall, with a traceback added to a string message and Ctrl-C made an error. On failure the message is on the
 * top of the stack. STATUS_OK, STATUS_SCRIPT or STATUS_INTERRUPTED.
 */
status_t run_call(lua_State *L, int nargs, int nresults);

/* Prints the message on the top of the stack as "lunalloc: MESSAGE" to stderr and pops it. */
void run_report(lua_State *L);

/* Compile and run, reporting errors. `text` is one -e; `name` is a script file, or NULL for standard input. */
status_t run_string(lua_State *L, const char *text, const char *chunk_name);
status_t run_file(lua_State *L, const char *name, int nargs); /* its arguments are on the top of the stack; pops them */
/* global MODULE = require "MODULE" */
status_t run_require(lua_State *L, const char *module);

#endif

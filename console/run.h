/*
 * run.h -- runs Lua code in protected calls: errors get the line and the calls that led there, and Ctrl-C stops
 * the code.
 */
#ifndef CONSOLE_RUN_H
#define CONSOLE_RUN_H

#include <lua.h>

/* The exit status of the process. os.exit(n) in a script gives n; by convention 4 means that a limit was missed. */
typedef enum {
    STATUS_OK = 0,
    STATUS_USAGE = 1,      /* an error of the console: bad command line, unreadable script, module not found */
    STATUS_LOST = 2,       /* the process that is attached to has ended meanwhile */
    STATUS_SCRIPT = 3,     /* an error in Lua code; it has been printed */
    STATUS_INTERRUPTED = 5 /* Ctrl-C; not an exit status, since the process ends by SIGINT */
} status_t;

/*
 * Like lua_pcall, but lunalloc.errors adds the line and the calls to the error message, and raises an error on Ctrl-C.
 * Returns STATUS_OK, STATUS_SCRIPT or STATUS_INTERRUPTED; on failure the message is on the top of the stack.
 */
status_t run_call(lua_State *L, int nargs, int nresults);

/* Prints "lunalloc: MESSAGE" on stderr, where MESSAGE is on the top of the stack, and pops it. */
void run_report(lua_State *L);

/* These compile and run code, and print its errors. */
/* The code `text`; `chunk_name` is for messages. */
status_t run_string(lua_State *L, const char *text, const char *chunk_name);
/* A script file, or standard input if name is NULL. Its nargs arguments are on the top of the stack and are popped. */
status_t run_file(lua_State *L, const char *name, int nargs);
/* Sets the global MODULE to require "MODULE". */
status_t run_require(lua_State *L, const char *module);

#endif

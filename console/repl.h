/*
 * repl.h -- the prompt.
 */
#ifndef CONSOLE_REPL_H
#define CONSOLE_REPL_H

#include "run.h"

#include <lua.h>

/*
 * Reads, evaluates and prints until the end of the input. An input that is an expression has its values printed; one
 * that is not complete goes on in the next line; what was pasted is run piece by piece (input.h); errors are reported
 * on stderr. ".help" and ".quit" are commands. Returns the status of the first input that failed.
 */
status_t repl_run(lua_State *L);

#endif

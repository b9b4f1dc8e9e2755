/*
 * repl.h -- the prompt: reads inputs, runs them and prints their values.
 */
#ifndef CONSOLE_REPL_H
#define CONSOLE_REPL_H

#include "run.h"

#include <lua.h>

/*
 * Runs inputs until the end of standard input or ".quit". The values of an expression are printed. An incomplete input
 * continues in the next line, and a pasted one is run piece by piece (input.h). ".help [WORD]" and ".quit" are
 * commands. Errors are printed on stderr. Returns the status of the first input that failed; STATUS_OK if none did; but
 * STATUS_LOST if the process that is attached to had ended by then, or at the end.
 */
status_t repl_run(lua_State *L);

#endif

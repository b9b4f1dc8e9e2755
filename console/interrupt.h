/*
 * interrupt.h -- Ctrl-C: stops running Lua code, and drops the line at the prompt.
 *
 * While Lua runs, SIGINT raises the Lua error "interrupted!" in the coroutine that is running. A script can catch the
 * first one with pcall, but not the second one within the same outermost call. If C code keeps the interpreter from
 * noticing, the second Ctrl-C prints a note and the third one ends the process.
 *
 * While no Lua runs (at the prompt), SIGINT only sets a flag, which the prompt reads and clears.
 *
 * All functions belong to the main thread. Other threads of the process must block SIGINT.
 */
#ifndef CONSOLE_INTERRUPT_H
#define CONSOLE_INTERRUPT_H

#include <lua.h>
#include <stdbool.h>

/* Installs the handler, and replaces coroutine.resume and coroutine.wrap of L by versions that it knows. Call it after
 * the standard libraries are open. */
void interrupt_setup(lua_State *L);

/* Enclose every protected call from C into Lua in this pair. Pairs may be nested; only the outermost one counts. */
void interrupt_enter(lua_State *L);
/* Returns true if that call was interrupted. */
bool interrupt_leave(void);

/* Reads and clears the flag: has SIGINT arrived while no Lua ran? */
bool interrupt_take(void);
/* Reads the flag only. */
bool interrupt_pending(void);

/* Gives SIGINT its default effect again. For the end of the process, when there is no prompt to return to. */
void interrupt_restore(void);

/* Ends the process by SIGINT, so that the calling shell sees the reason. Does not return. */
_Noreturn void interrupt_die(void);

#endif

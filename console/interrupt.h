/*
 * interrupt.h -- Ctrl-C.
 *
 * While Lua runs, SIGINT raises the Lua error "interrupted!" in whatever coroutine is running. A script may catch the
 * first one; the second one in the same call cannot be caught. If C code keeps the interpreter from noticing, the
 * second Ctrl-C says so and the third one ends the process.
 *
 * While no Lua runs (at the prompt), SIGINT only sets a flag, which the prompt takes.
 *
 * All of this belongs to the main thread; other threads of the process must block SIGINT.
 */
#ifndef CONSOLE_INTERRUPT_H
#define CONSOLE_INTERRUPT_H

#include <lua.h>
#include <stdbool.h>

/* Installs the handler and makes coroutine.resume and coroutine.wrap of L known to it. After the libraries are open. */
void interrupt_setup(lua_State *L);

/* Around every protected call from C into Lua. Nested pairs are fine; only the outermost counts. */
void interrupt_enter(lua_State *L);
/* Returns true if the call just left was interrupted. */
bool interrupt_leave(void);

/* True once for each SIGINT that came while no Lua ran. */
bool interrupt_take(void);
/* The same, leaving the flag as it is. */
bool interrupt_pending(void);

/* Gives SIGINT its default effect back: for the end of the process, when there is no prompt to return to. */
void interrupt_restore(void);

/* Ends the process by SIGINT, as if it had never been caught, so that the calling shell knows why. Does not return. */
_Noreturn void interrupt_die(void);

#endif

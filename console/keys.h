/*
 * keys.h -- single keys while no line is being edited: the function key() of the module "lunalloc.console". What runs
 * until a key is pressed, and what waits for one, use it.
 */
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include <lua.h>

/*
 * Adds key(seconds) to the table at the top: waits at most so long for a key, and returns its first byte as a string,
 * the rest of an escape sequence being dropped; nil if there was none. Signals end the wait, with nil: Ctrl-C then
 * takes effect in Lua. If standard input is no terminal, it only waits.
 */
void keys_open(lua_State *L);

#endif

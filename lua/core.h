/*
 * core.h -- what the files of the module's C core share: the conventions for failures and for arguments, and the
 * function by which each file adds its part to the `lunalloc.core` table.
 *
 * Conventions towards Lua: an ordinary failure returns nil, message, code (an errno name); misuse (an argument of the
 * wrong type) raises. Nothing here keeps state outside the lua_State but the loader, so any number of states may use
 * the module on any number of threads. The core is a set of primitives; lua/lunalloc/ makes the public API of them.
 *
 * Lua code of the user's runs inside of these functions: a metamethod where a table of his is read or written, and a
 * finalizer wherever Lua allocates, which is at each new table, string or userdata. It may close, restart or collect
 * whatever it can reach. So tables are read and written raw, and a pointer into something that can be closed is used up
 * before the next call that allocates, or got again after it. And where a function changes anything, it changes it in
 * one go with no call between that could raise, lack of memory included.
 */
#ifndef LUNALLOC_LUA_CORE_H
#define LUNALLOC_LUA_CORE_H

#include <lauxlib.h>
#include <lua.h>

#include "loader.h"

/* Names of the types of full userdata. */
#define CORE_BUFFER        "lunalloc.buffer"
#define CORE_GUARD         "lunalloc.with"
#define CORE_WALKER        "lunalloc.walker"
#define CORE_SNAPSHOT      "lunalloc.snapshot"
#define CORE_SNAPSHOT_ROW  "lunalloc.snapshot.row"
#define CORE_SNAPSHOT_ROWS "lunalloc.snapshot.rows"

/* ---- results (result.c) ---- */

/* Pushes the text with its control characters as '?': a message is one line, whatever name it repeats. */
const char *core_push_line(lua_State *L, const char *text);

/* Push nil, message, code; return 3. */
int core_fail(lua_State *L, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int core_fail_errno(lua_State *L, int error, const char *message);
int core_not_loaded(lua_State *L);

/* Lua's integers are signed: what does not fit becomes a float. */
void core_push_unsigned(lua_State *L, uint64_t value);

/* t[name] = the value at the top, which is popped; t is below it. Raw. */
void core_set_value(lua_State *L, const char *name);
/* t[name] = value, t being at the top. Raw. */
void core_set_integer(lua_State *L, const char *name, lua_Integer value);
void core_set_boolean(lua_State *L, const char *name, bool value);
void core_set_string(lua_State *L, const char *name, const char *value);

/*
 * Misuse, at the line of the caller. `call` is the name that users know the function by ("get", "buffer:fill"): Lua
 * itself knows none in a tail call, which is what a prompt makes of an expression, and would name a primitive. A method
 * does not count the object among its arguments.
 */
int core_bad_argument(lua_State *L, const char *call, int arg, const char *why);
/* "<what> expected, got <the type of the value at stack>". */
int core_bad_type(lua_State *L, const char *call, int arg, int stack, const char *what);
/* The userdata of that type that a method is called on, at 1. */
void *core_check_self(lua_State *L, const char *type, const char *call);

/* An index of 32 bits; nil or none gives `fallback`. */
uint32_t core_opt_index(lua_State *L, int arg, uint32_t fallback);

/* Makes this state's metatable `type`; `methods`, if any, become its __index. */
void core_new_type(lua_State *L, const char *type, const luaL_Reg *metamethods, const luaL_Reg *methods);

/*
 * A number of bytes, also as text ("64K"), at `stack`: 0, or 3 after pushing a failure (units.c). Raises if it is
 * neither, as argument `arg` of `call`.
 */
int core_to_size(lua_State *L, const char *call, int arg, int stack, size_t *size);

/* ---- parts: each adds its functions to the table at the top ---- */

void core_open_controls(lua_State *L);
void core_open_extents(lua_State *L);
void core_open_inspect(lua_State *L);
void core_open_stats(lua_State *L);
void core_open_report(lua_State *L);
void core_open_buffer(lua_State *L);
void core_open_nearest(lua_State *L);
void core_open_units(lua_State *L);
void core_open_hooks(lua_State *L);
void core_open_samples(lua_State *L);
void core_open_with(lua_State *L);
void core_open_arenas(lua_State *L);

/* The workload engine (workload/lua_workload.c): pushes its table. */
int luaopen_lunalloc_workload(lua_State *L);

/* ---- shared between parts ---- */

/*
 * controls.c: the value at `stack` as the text that the allocator parses; NULL for none. May replace it in its slot.
 * Raises if it can be none, as argument `arg` of `call`.
 */
const char *core_check_text(lua_State *L, const char *call, int arg, int stack);
/* controls.c: pushes a control's value as such a text; false, and nothing, if it has none. */
bool core_push_text(lua_State *L, const lunalloc_value_t *value);

/* hooks.c: gives the arena counting hooks. 0, or an errno value and a line. */
int core_count_hooks(const lunalloc_api_t *api, uint32_t arena, char *message, size_t message_size);

/* extents.c: pushes a table of the extent; or fills the table at the top. */
void core_push_extent(lua_State *L, const lunalloc_extent_t *extent);
const char *core_state_name(lunalloc_state_t state);

/* buffer.c: whether the value at `arg` is a buffer; then its address, NULL if it was freed. */
bool core_buffer_address(lua_State *L, int arg, const void **address);

/* nearest.c: the candidate (of n) that `word` is probably a typing error of, or NULL. */
const char *core_nearest(const char *word, const char *const *candidates, size_t n);

#endif

/*
 * core.h -- the C half of the Lua module: what its files share.
 *
 * Include it in every file that adds functions to the table `lunalloc.core`. That table is a set of primitives;
 * lua/lunalloc/ makes the public functions of them. Each file has a core_open_...() that adds its part.
 *
 * Towards Lua, an ordinary failure returns nil, message, code (the name of an errno value), and misuse (an argument of
 * the wrong type) raises. Only the loader keeps state outside the lua_State, so any number of states may use the module
 * on any number of threads.
 *
 * The user's Lua code can run inside of these functions: a metamethod when a table is read or written, and a finalizer
 * whenever Lua allocates, that is with each new table, string or userdata. Such code may close, restart or collect
 * anything that it can reach. Three rules follow:
 *
 *   - Tables are read and written raw.
 *   - A pointer into an object that can be closed is not used after a call that allocates; it is read again.
 *   - A function makes its changes in one go, without a call in between that can raise, also for lack of memory.
 */
#ifndef LUNALLOC_LUA_CORE_H
#define LUNALLOC_LUA_CORE_H

#include <lauxlib.h>
#include <lua.h>

#include "loader.h"
#include "target.h"

/* Names of the metatables of full userdata. */
#define CORE_BUFFER        "lunalloc.buffer"
#define CORE_EXTENT        "lunalloc.extent"
#define CORE_GUARD         "lunalloc.with"
#define CORE_METER         "lunalloc.meter"
#define CORE_SCOPE         "lunalloc.scope"
#define CORE_WALKER        "lunalloc.walker"
#define CORE_TARGET        "lunalloc.target"
#define CORE_SNAPSHOT      "lunalloc.snapshot"
#define CORE_SNAPSHOT_ROW  "lunalloc.snapshot.row"
#define CORE_SNAPSHOT_ROWS "lunalloc.snapshot.rows"

/* ---- results (result.c) ---- */

/* Pushes the text with '?' for its control characters: a message is one line, also if it repeats a name. */
const char *core_push_line(lua_State *L, const char *text);

/* Each pushes nil, message, code and returns 3. */
int core_fail(lua_State *L, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int core_fail_errno(lua_State *L, int error, const char *message);
int core_not_loaded(lua_State *L);

/* As core_fail_errno, with the message of an operation of the target. */
int core_fail_target(lua_State *L, int error, const target_handle_t *target);

/* Pushes an array of n records, each as push_one() pushes it. */
void core_push_records(lua_State *L, const void *records, size_t size, size_t n,
                       void (*push_one)(lua_State *L, const void *record));

/* Pushes an integer, or a float if the value does not fit in Lua's signed integers. */
void core_push_unsigned(lua_State *L, uint64_t value);

/* t[name] = the value at the top, which it pops; t is below the value. Raw. */
void core_set_value(lua_State *L, const char *name);
/* t[name] = value, with t at the top. Raw. */
void core_set_integer(lua_State *L, const char *name, lua_Integer value);
void core_set_boolean(lua_State *L, const char *name, bool value);
void core_set_string(lua_State *L, const char *name, const char *value);

/*
 * Raises for misuse, at the line of the caller. `call` is the public name of the function ("get", "buffer:fill"). Lua's
 * own messages would name a primitive, or no function at all in a tail call, which a prompt makes of an expression.
 * `arg` does not count the object of a method.
 */
int core_bad_argument(lua_State *L, const char *call, int arg, const char *why);
/* Raises "<what> expected, got <type of the value at `stack`>". */
int core_bad_type(lua_State *L, const char *call, int arg, int stack, const char *what);
/* The object of a method, at 1; raises if it is not a userdata of that type. */
void *core_check_self(lua_State *L, const char *type, const char *call);

/* The argument as an index of 32 bits; `fallback` if it is nil or absent. */
uint32_t core_opt_index(lua_State *L, int arg, uint32_t fallback);

/* Makes the metatable `type` in this state. `methods`, if not NULL, become its __index. */
void core_new_type(lua_State *L, const char *type, const luaL_Reg *metamethods, const luaL_Reg *methods);

/*
 * spelling.c: reads a number of bytes, also as text ("64K"), at `stack`. 0, or 3 after pushing a failure. Raises, as
 * argument `arg` of `call`, if the value is neither a number nor a string.
 */
int core_to_size(lua_State *L, const char *call, int arg, int stack, size_t *size);

/* ---- targets (lua_target.c) ---- */

/*
 * The target of the running function, which is the first upvalue. NULL if it is this process and has no allocator: fail
 * with core_not_loaded(). The handle is valid while the function runs, also if Lua code closes it meanwhile.
 */
target_handle_t *core_target(lua_State *L);
/* Pushes the userdata of that target. An object that uses a target later keeps it as a user value or in a table. */
void core_push_target(lua_State *L);
/* The handle of the target's userdata at `stack`. NULL as above, and while the state ends. */
target_handle_t *core_target_at(lua_State *L, int stack);
/* Pushes a new userdata for a target, without a handle. Set *handle: __close closes it, and __gc frees it. */
target_handle_t **core_new_target(lua_State *L);
/* Pushes the userdata of the target that is this process. */
void core_push_self(lua_State *L);
/* backend.c: pushes the backend for the target at the top: the table of functions that lunalloc/api.lua describes. */
void core_push_backend(lua_State *L);

/* Adds functions for a target to the table at the top; the target's userdata is below it. */
void core_add_functions(lua_State *L, const luaL_Reg *functions);

/* ---- parts ---- */

/* Each makes its types, once in a state. */
void core_open_target_type(lua_State *L);
void core_open_extents_type(lua_State *L);
void core_open_settings_type(lua_State *L);
void core_open_extent_set_type(lua_State *L); /* map/lua_map.c */

/* Each adds its functions for a target to the table at the top; the target's userdata is below it. */
void core_add_controls(lua_State *L);
void core_add_extents(lua_State *L);
void core_add_tally(lua_State *L);
void core_add_inspect(lua_State *L);
void core_add_stats(lua_State *L);
void core_add_report(lua_State *L);
void core_add_samples(lua_State *L);
void core_add_threads(lua_State *L);
void core_add_history(lua_State *L);
void core_add_settings(lua_State *L);
void core_add_extent_set(lua_State *L); /* map/lua_map.c */
void core_add_residency(lua_State *L);  /* map/lua_residency.c */

/* Each adds functions that are of this process or of none to the table at the top. */
void core_open_stats(lua_State *L);
void core_open_buffer(lua_State *L);
void core_open_spelling(lua_State *L);
void core_open_hooks(lua_State *L);
void core_open_pause(lua_State *L);
void core_open_write_file(lua_State *L);
void core_open_file_kind(lua_State *L);
void core_open_meter(lua_State *L); /* meter/lua_meter.c */
void core_open_frames(lua_State *L);
void core_open_json(lua_State *L);
void core_open_extent_set(lua_State *L);   /* map/lua_file.c */
void core_open_trace_blocks(lua_State *L); /* map/lua_trace_blocks.c */
void core_open_samples(lua_State *L);
void core_open_attach(lua_State *L); /* attach/lua_attach.c */
void core_open_metrics(lua_State *L);
void core_open_pprof(lua_State *L);
void core_open_child(lua_State *L);
void core_open_process_tree(lua_State *L);
void core_open_replay(lua_State *L); /* replay/lua_replay.c */
void core_open_trace(lua_State *L);  /* trace/lua_trace.c */

/* The workload engine (workload/lua_workload.c): pushes its table. */
int luaopen_lunalloc_workload(lua_State *L);

/* ---- shared between parts ---- */

/*
 * controls.c: the Lua value at `stack` as one for lunalloc_ctl_write(): booleans and whole numbers typed, other numbers
 * and strings as text, which is valid while it is in its slot. False for nil or none: an action has no value. Raises,
 * as argument `arg` of `call`, if the value is of another type.
 */
bool core_to_value(lua_State *L, const char *call, int arg, int stack, lunalloc_value_t *value);

/* hooks.c: gives the arena counting hooks. 0, or an errno value and one line in `message`. */
int core_count_hooks(const lunalloc_api_t *api, uint32_t arena, char *message, size_t message_size);

/* extent_fields.c: pushes a table with the fields of the extent. */
void core_push_extent(lua_State *L, const lunalloc_extent_t *extent);
const char *core_state_name(lunalloc_state_t state);

/* buffer.c: true if the value at `arg` is a buffer. *address: its block, or NULL if it was freed. */
bool core_buffer_address(lua_State *L, int arg, const void **address);

/* spelling.c: the one of n candidates that a mistyped `word` probably means; NULL if none is near. */
const char *core_nearest(const char *word, const char *const *candidates, size_t n);

#endif

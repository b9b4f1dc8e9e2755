/*
 * lunalloc_lua.h -- Lua states on memory of their own: with a hard limit, and with accounts.
 *
 * For hosts in C and C++ that embed Lua 5.4 or 5.5. In one line, a state gets a *meter*: an allocator of its own, whose
 * blocks lie in an arena of lunalloc.
 *
 *     lunalloc_lua_options_t options = { .limit = 64 << 20 };
 *     lua_State *L = lunalloc_lua_newstate(&options);     // instead of luaL_newstate()
 *     ...
 *     lua_close(L);                                       // gives all memory back
 *
 * Link with `pkg-config --libs lunalloc-lua`. In Lua, `require("lunalloc").meter()` is the meter of the running state,
 * and `la.adopt{...}` gives one to a state that was made without.
 *
 * A meter belongs to one Lua state, and is used by one thread at a time, as the state is. Any number of states may run
 * on any number of threads. Sizes are in bytes.
 */
#ifndef LUNALLOC_LUA_H
#define LUNALLOC_LUA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUNALLOC_LUA_API __attribute__((visibility("default")))

typedef struct lunalloc_meter lunalloc_meter_t;

/* Which arena the blocks lie in. */
typedef enum {
    LUNALLOC_LUA_NEW,    /* one of its own, which is destroyed with the meter. It is made when the state holds 512 KiB;
                            before, they are in the shared one */
    LUNALLOC_LUA_SHARED, /* one that serves all such states of the process */
    LUNALLOC_LUA_GIVEN   /* the one with the index `arena`; it must not be reset or destroyed while the meter lives */
} lunalloc_lua_place_t;

/* Zeroed: in a new arena, without limits. */
typedef struct {
    lunalloc_lua_place_t place;
    uint32_t arena; /* for LUNALLOC_LUA_GIVEN */
    size_t limit;   /* the most that the state's blocks may add up to; 0: no limit. Beyond it, an allocation fails: Lua
                       collects garbage, tries again, and else raises "not enough memory". The state stays usable */
    size_t soft;    /* on_soft is called once the blocks add up to more, and again when they have been fewer meanwhile;
                       0: never */
    void (*on_soft)(lua_State *L, void *context); /* called from a hook, between two instructions of Lua code: it may do
                                                     what a hook may do, also raise an error */
    void *context;
} lunalloc_lua_options_t;

/*
 * Makes a state, as luaL_newstate() does, on a meter of its own. `options` may be NULL. NULL if the allocator is not in
 * this process, if there is no memory, or if the limit is too low for a state. lua_close() ends the meter, too.
 */
LUNALLOC_LUA_API lua_State *lunalloc_lua_newstate(const lunalloc_lua_options_t *options);

/*
 * Moves a running state onto a meter: new blocks are the meter's, and the old ones return to the allocator that they
 * are from as they are freed. NULL, with one line in `message` (may be NULL), if the state has a meter already, if it
 * has more in use than the limit, if the allocator is not in this process, or if there is no memory.
 */
LUNALLOC_LUA_API lunalloc_meter_t *lunalloc_lua_adopt(lua_State *L, const lunalloc_lua_options_t *options,
                                                      char *message, size_t size);

/* The meter of a state; NULL if it has none. */
LUNALLOC_LUA_API lunalloc_meter_t *lunalloc_lua_meter(lua_State *L);

/*
 * The parts of lunalloc_lua_newstate(), for hosts that call lua_newstate() themselves: pass lunalloc_lua_alloc and the
 * meter. lunalloc_meter_free() ends a meter, at once or when the last of its blocks has been freed.
 */
LUNALLOC_LUA_API lunalloc_meter_t *lunalloc_meter_new(const lunalloc_lua_options_t *options, char *message,
                                                      size_t size);
LUNALLOC_LUA_API void lunalloc_meter_free(lunalloc_meter_t *meter);

/* A lua_Alloc. A block may shrink at any time; nothing else is promised if memory is exhausted. */
LUNALLOC_LUA_API void *lunalloc_lua_alloc(void *meter, void *block, size_t old_size, size_t new_size);

/* 0 stands for no limit. A limit below what is in use lets nothing be allocated until enough was freed. */
LUNALLOC_LUA_API void lunalloc_meter_set_limit(lunalloc_meter_t *meter, size_t limit);
LUNALLOC_LUA_API void lunalloc_meter_set_soft(lunalloc_meter_t *meter, size_t soft);

/* Kinds of blocks. Lua tells the type of a new object, and of nothing else: arrays and hash parts of tables, stacks of
 * coroutines, code of functions and buffers are `other`. */
enum {
    LUNALLOC_LUA_OTHER,
    LUNALLOC_LUA_STRING,
    LUNALLOC_LUA_TABLE,    /* without the arrays */
    LUNALLOC_LUA_FUNCTION, /* closures, their upvalues, and prototypes without their arrays */
    LUNALLOC_LUA_USERDATA,
    LUNALLOC_LUA_THREAD, /* without the stacks */
    LUNALLOC_LUA_TYPES = 8
};

/* by_type adds up to `allocated`, and so do the accounts of all scopes. allocated + foreign is what the state's
 * collectgarbage("count") says, and what the limits limit. */
typedef struct {
    uint32_t arena;    /* the index of the one that new blocks are in */
    uint32_t nscopes;  /* scopes that were ever entered; scope 0 is that of blocks outside of all others */
    size_t allocated;  /* in blocks of the meter */
    size_t foreign;    /* in blocks of the allocator that the state had before */
    size_t peak;       /* the most that allocated + foreign has been */
    size_t limit;      /* 0: none */
    size_t soft;       /* 0: none */
    size_t held;       /* pages that hold the blocks, or are kept for new ones */
    uint64_t blocks;   /* how many the meter has */
    uint64_t failures; /* cumulative: allocations that failed at the limit, or for lack of memory */
    size_t by_type[LUNALLOC_LUA_TYPES];
} lunalloc_meter_stats_t;

LUNALLOC_LUA_API void lunalloc_meter_stats(lunalloc_meter_t *meter, lunalloc_meter_stats_t *out);

/*
 * Scopes: accounts by name. A new block is charged to the current scope until it is freed. A block that grows stays
 * with its scope. The scope belongs to the state, not to a coroutine.
 */
#define LUNALLOC_LUA_SCOPES 4096 /* at most so many in one meter */

/* The number of the scope of that name, which is made if it is new: 0 .. LUNALLOC_LUA_SCOPES - 1; -1 if there are too
 * many, or no memory. */
LUNALLOC_LUA_API int lunalloc_meter_scope(lunalloc_meter_t *meter, const char *name);
/* Makes it the current one; returns the one that was. */
LUNALLOC_LUA_API int lunalloc_meter_enter(lunalloc_meter_t *meter, int scope);
/* What is charged to a scope, and its name. 0, NULL past the end. */
LUNALLOC_LUA_API size_t lunalloc_meter_scope_bytes(lunalloc_meter_t *meter, int scope);
LUNALLOC_LUA_API const char *lunalloc_meter_scope_name(lunalloc_meter_t *meter, int scope);

#ifdef __cplusplus
}
#endif
#endif

/*
 * meter.h -- the allocator of one Lua state: a heap (heap.h), a limit, and accounts. lunalloc_lua.h is its public side.
 *
 *   alloc.c   lunalloc_lua_alloc(): a few lines where the limit is far and every block is the meter's
 *   meter.c   its life, limits and figures
 *   scope.c   accounts by name
 *   state.c   Lua states: made on a meter, moved to one
 *   soft.c    how the soft limit calls Lua
 *   lookup.c  from a state to its meter
 *
 * Of the heap: heap.c has spans and large blocks; mixed.c mixed blocks, with codes.h, lists.h and pending.h; chunk.c
 * the memory of both; known.c a cache of whose memory it is; check.c its checks.
 *
 * Blocks are *own* or *foreign*: a state that was moved to a meter still has blocks of its old allocator. These go back
 * there when they are freed, and move to the meter when they are resized. The last one is the state itself, with which
 * the meter ends.
 *
 * A meter that is *closed* is the reverse: new blocks are the old allocator's, and its own ones leave as they are freed
 * or resized. With the last of them it gives its arena back. It lives on as long as something may call it.
 *
 *   total  = foreign + sum of accounts, until it is closed; then: the sum of accounts
 *   peak  >= total, except for what a growth has added since the last free
 *
 * Synchronization: all of it: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_METER_H
#define LUNALLOC_METER_METER_H

#include "lunalloc_lua.h"
#include "meter/heap.h"

_Static_assert(LUNALLOC_LUA_TYPES == HEAP_TYPES && LUNALLOC_LUA_THREAD < HEAP_USED, "types of the heap");
_Static_assert(LUNALLOC_LUA_SCOPES *HEAP_TYPES <= 1 << 16, "numbers of owners");

/* 0 leaves the accounts out: scripts/bench-adopt measures what they cost. */
#ifndef METER_ACCOUNTS
#define METER_ACCOUNTS 1
#endif

/* Meters of another version of this library have another one. */
#define METER_MAGIC UINT64_C(0x6c756e6d65746572) + sizeof(lunalloc_meter_t)

/* The key in a state's registry of its meter's address. */
#define METER_KEY "lunalloc.meter.address"

struct lunalloc_meter {
    uint64_t magic;
    size_t total;   /* bytes that count towards the limits */
    size_t ceiling; /* the least total at which the slow path must look, less 1 */
    size_t peak;
    bool careful;   /* a block may be foreign, or be larger than its size says: it shrank when there was no memory */
    kinds_t *kinds; /* the owner's */
    owner_t *owner; /* the current scope's */
    heap_t heap;    /* its owners are the scopes */

    size_t foreign;
    size_t limit;    /* SIZE_MAX: none */
    size_t soft;     /* SIZE_MAX: none */
    bool soft_armed; /* total has been below `soft` since the last call */
    bool soft_due;   /* total has been above it since, and the call has not been made */
    bool closed;
    bool lifted; /* the limits do not hold: others are being set */
    bool held;   /* the host will call lunalloc_meter_free() */
    uint64_t failures;
    lua_Alloc old_alloc; /* the allocator of foreign blocks */
    void *old_context;
    lua_State *main;    /* the state's main thread; NULL if it is not known */
    bool foreign_state; /* the state itself lies in a foreign block, which has not been freed */
    void (*on_soft)(lua_State *L, void *context);
    void *context;
    void (*request_soft)(struct lunalloc_meter *meter); /* called once when the soft limit is passed; NULL: nobody */

    char **names; /* of scopes; names[0] is "main" */
    uint32_t nscopes;
    uint32_t room; /* scopes that `names` and the heap's `owners` have room for */
};

/* Sets `ceiling` by the limits. While they are lifted, nothing is denied. */
void meter_set_ceiling(lunalloc_meter_t *meter);
/* Ends the meter if nothing can call it any more; gives the heap back if it is closed and empty. Call it after a block
 * was freed that may have been the last one. */
void meter_was_emptied(lunalloc_meter_t *meter);
void meter_destroy(lunalloc_meter_t *meter);
/* New blocks are the old allocator's from now on. */
void meter_close(lunalloc_meter_t *meter);

/* scope.c: makes the first scope. False if there is no memory. */
bool meter_open_scopes(lunalloc_meter_t *meter);
void meter_close_scopes(lunalloc_meter_t *meter);

/* soft.c: sees to it that on_soft is called. It may raise for lack of memory; then nothing has changed. */
void meter_watch_soft(lua_State *L, lunalloc_meter_t *meter);

#endif

/*
 * lua_trace_blocks.c -- the blocks that live at a moment of a trace, as a set of extents: each block is an active
 * extent of its own, with the time of its allocation as its serial number and its thread as its arena.
 *
 *   blocks = trace_blocks(file, filter, until)    until: ns; events up to then count
 *   blocks:step(n) -> boolean: is there more?     blocks:finish() -> set
 */
#include "map/map.h"
#include "trace/lua_trace.h"
#include "trace/pass.h"

#include <errno.h>

#define BLOCKS_TYPE "lunalloc.trace.blocks"

/* The trace's pass, NULL once it is finished. `after`: the first event that is too late, if `is_late`. */
typedef struct {
    trace_pass_t *pass;
    uint64_t until;
    bool is_late;
    trace_step_t after;
} blocks_t;

static int
blocks_gc(lua_State *L) {
    blocks_t *blocks = luaL_checkudata(L, 1, BLOCKS_TYPE);
    if (blocks->pass != NULL) {
        trace_pass_close(blocks->pass);
        blocks->pass = NULL;
    }
    return 0;
}

static int
trace_blocks(lua_State *L) {
    trace_filter_t filter = lua_trace_filter(L, 2);
    uint64_t until = (uint64_t)luaL_checkinteger(L, 3);
    blocks_t *blocks = lua_newuserdatauv(L, sizeof(*blocks), 0);
    *blocks = (blocks_t){.until = until};
    luaL_setmetatable(L, BLOCKS_TYPE);
    blocks->pass = trace_pass_open(lua_trace_check(L), &filter);
    return blocks->pass != NULL ? 1 : core_fail_errno(L, ENOMEM, "no memory for the blocks of a trace");
}

static blocks_t *
check_open(lua_State *L) {
    blocks_t *blocks = luaL_checkudata(L, 1, BLOCKS_TYPE);
    if (blocks->pass == NULL) {
        luaL_error(L, "this pass over a trace is over");
    }
    return blocks;
}

static int
step(lua_State *L) {
    blocks_t *blocks = check_open(L);
    bool more = !blocks->is_late;
    for (lua_Integer n = luaL_checkinteger(L, 2); n > 0 && more; n--) {
        more = trace_pass_next(blocks->pass, &blocks->after);
        blocks->is_late = more && blocks->after.event.time > blocks->until;
        more = more && !blocks->is_late;
    }
    lua_pushboolean(L, more);
    return 1;
}

static bool
add(extent_set_t *set, const trace_block_t *block) {
    const extent_entry_t entry = {
        .addr = block->addr,
        .size = block->size > 0 ? block->size : 1,
        .sn = block->time,
        .arena = block->thread,
        .szind = EXTENT_NO_CLASS,
        .state = LUNALLOC_ACTIVE,
    };
    return block->counted == 0 || extent_set_add(set, &entry);
}

/* The map has seen one event too many: without the block that it began, with the one that it ended. */
static bool
add_all(const blocks_t *blocks, extent_set_t *set) {
    const trace_live_t *live = trace_pass_live(blocks->pass);
    const trace_block_t *table = live->table.data;
    bool done = true;
    for (size_t i = 0; i < live->table.n && done; i++) {
        bool begun =
            blocks->is_late && trace_begins(blocks->after.event.kind) && table[i].addr == blocks->after.event.addr;
        done = table[i].addr == 0 || begun || add(set, &table[i]);
    }
    return done &&
           (!blocks->is_late || !(blocks->after.ended || blocks->after.replaced) || add(set, &blocks->after.old)) &&
           extent_set_tidy(set);
}

static int
finish(lua_State *L) {
    check_open(L);
    map_heap_t *heap = map_push_heap(L);
    blocks_t *blocks = check_open(L);
    bool done = !trace_pass_short(blocks->pass) && add_all(blocks, &heap->set);
    trace_pass_close(blocks->pass);
    blocks->pass = NULL;
    return done ? 1 : core_fail_errno(L, ENOMEM, "no memory for the blocks of a trace");
}

void
core_open_trace_blocks(lua_State *L) {
    static const luaL_Reg functions[] = {{"trace_blocks", trace_blocks}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"step", step}, {"finish", finish}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__gc", blocks_gc}, {"__close", blocks_gc}, {NULL, NULL}};
    core_new_type(L, BLOCKS_TYPE, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}

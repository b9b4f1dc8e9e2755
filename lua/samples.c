/* samples.c -- the profiler's samples of live allocations, and the names of the functions at addresses. */
#include "core.h"

enum {
    BATCH = 32
};

/* Pushes the stack as an array of return addresses, innermost first. */
static void
push_stack(lua_State *L, const lunalloc_sample_t *sample) {
    lua_createtable(L, (int)sample->depth, 0);
    for (uint32_t i = 0; i < sample->depth; i++) {
        lua_pushinteger(L, (lua_Integer)sample->stack[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void
push_sample(lua_State *L, const void *record) {
    const lunalloc_sample_t *sample = record;
    lua_createtable(L, 0, 9);
    core_set_integer(L, "addr", (lua_Integer)sample->addr);
    core_set_integer(L, "size", (lua_Integer)sample->size);
    core_set_integer(L, "szind", sample->szind);
    core_set_integer(L, "arena", sample->arena);
    core_set_integer(L, "tid", sample->thread);
    core_set_string(L, "thread", sample->thread_name);
    core_set_integer(L, "time", (lua_Integer)sample->time);
    lua_pushnumber(L, sample->weight);
    core_set_value(L, "weight");
    push_stack(L, sample);
    core_set_value(L, "stack");
}

/* samples([place]): an array of tables, one batch; and the place where the next batch begins, or nil at the end */
static int
samples(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_sample_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_sample_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n;
    int error = target->ops->samples(target, &cursor, batch, BATCH, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    core_push_records(L, batch, sizeof *batch, n, push_sample);
    if (n == 0) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)cursor.next);
    }
    return 2;
}

/* symbol(address): "function+0x1f"; "library+0x1f00" if no function is known there; or "0x1f00" */
static int
symbol(lua_State *L) {
    target_handle_t *target = core_target(L);
    uintptr_t addr = (uintptr_t)luaL_checkinteger(L, 1);
    char name[512];
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->symbol(target, addr, name, sizeof name);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushstring(L, name);
    return 1;
}

void
core_add_samples(lua_State *L) {
    static const luaL_Reg functions[] = {{"samples", samples}, {"symbol", symbol}, {NULL, NULL}};
    core_add_functions(L, functions);
}

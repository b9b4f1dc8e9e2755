/* samples.c -- the profiler's samples of live allocations, and the names of the functions at addresses. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "core.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

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
push_sample(lua_State *L, const lunalloc_sample_t *sample) {
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
    const lunalloc_api_t *api = loader_api();
    lunalloc_sample_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (api == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_sample_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n = api->prof_samples(&cursor, batch, BATCH);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_sample(L, &batch[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (n < BATCH) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)cursor.next);
    }
    return 2;
}

static const char *
base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* symbol(address): "function+0x1f"; "library+0x1f00" if the dynamic linker knows no function there; or "0x1f00" */
static int
symbol(lua_State *L) {
    uintptr_t addr = (uintptr_t)luaL_checkinteger(L, 1);
    char offset[32];
    Dl_info info;
    bool known = dladdr((void *)addr, &info) != 0 && info.dli_fname != NULL;
    bool named = known && info.dli_sname != NULL;
    uintptr_t base = named ? (uintptr_t)info.dli_saddr : known ? (uintptr_t)info.dli_fbase : 0;
    const char *name = named ? info.dli_sname : known ? base_name(info.dli_fname) : NULL;
    snprintf(offset, sizeof offset, "0x%llx", (unsigned long long)(addr - base));
    if (name == NULL) {
        lua_pushstring(L, offset);
    } else {
        lua_pushfstring(L, "%s+%s", name, offset);
    }
    return 1;
}

void
core_open_samples(lua_State *L) {
    static const luaL_Reg functions[] = {{"samples", samples}, {"symbol", symbol}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

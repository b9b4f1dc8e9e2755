/*
 * lua_allocator.c -- the allocators, for Lua: la.allocators(). See allocator.h.
 *
 *   allocators()   an array of { name, version, path, current }
 *   process()      name, and the title "jemalloc 5.3.0", of the malloc of this process
 */
#include "allocator.h"

#include <string.h>

#include "core.h"
#include "lua_workload.h"

/* Pushes a table of the allocator; fields that are unknown are absent. */
static void
push_allocator(lua_State *L, const allocator_t *allocator) {
    lua_createtable(L, 0, 4);
    core_set_string(L, "name", allocator->name);
    if (allocator->version[0] != '\0') {
        core_set_string(L, "version", allocator->version);
    }
    if (allocator->path[0] != '\0') {
        core_set_string(L, "path", allocator->path);
    }
    core_set_boolean(L, "current", strcmp(allocator->name, allocator_of_process()->name) == 0);
}

static bool
is_known(const char *name, lua_Integer n, lua_State *L) {
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        lua_pushliteral(L, "name");
        lua_rawget(L, -2);
        bool same = strcmp(lua_tostring(L, -1), name) == 0;
        lua_pop(L, 2);
        if (same) {
            return true;
        }
    }
    return false;
}

/* The installed ones that are known; last, the malloc of this process if it is none of them. */
static int
list_allocators(lua_State *L) {
    allocator_t *allocator = lua_newuserdatauv(L, sizeof(*allocator), 0); /* large for a small stack */
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; i < ALLOCATOR_KNOWN; i++) {
        if (allocator_installed(i, allocator)) {
            push_allocator(L, allocator);
            lua_rawseti(L, -2, ++n);
        }
    }
    if (!is_known(allocator_of_process()->name, n, L)) {
        push_allocator(L, allocator_of_process());
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

static int
name_process(lua_State *L) {
    lua_pushstring(L, allocator_of_process()->name);
    lua_pushstring(L, allocator_title_of_process());
    return 2;
}

void
lua_allocator_open(lua_State *L) {
    lua_pushcfunction(L, list_allocators);
    core_set_value(L, "allocators");
    lua_pushcfunction(L, name_process);
    core_set_value(L, "process");
}

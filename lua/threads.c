/* threads.c -- the threads of a target, and what each has cached. */
#include "core.h"

#include <errno.h>

enum {
    BATCH = 64
};

/* {[szind] = objects}, of classes that have any */
static void
push_objects(lua_State *L, const lunalloc_thread_t *thread) {
    uint32_t n = thread->nclasses < LUNALLOC_CACHED_CLASSES ? thread->nclasses : LUNALLOC_CACHED_CLASSES;
    lua_newtable(L);
    for (uint32_t i = 0; i < n; i++) {
        if (thread->objects[i] != 0) {
            lua_pushinteger(L, thread->objects[i]);
            lua_rawseti(L, -2, i);
        }
    }
}

static void
push_thread(lua_State *L, const void *record) {
    const lunalloc_thread_t *thread = record;
    lua_createtable(L, 0, 8);
    core_set_integer(L, "tid", thread->tid);
    core_set_integer(L, "arena", thread->arena);
    core_set_string(L, "name", thread->name);
    core_push_unsigned(L, thread->cached);
    core_set_value(L, "cached");
    core_push_unsigned(L, thread->requests);
    core_set_value(L, "requests");
    lua_pushnumber(L, (lua_Number)thread->idle / 1e9);
    core_set_value(L, "idle");
    core_set_boolean(L, "behind", thread->behind != 0);
    push_objects(L, thread);
    core_set_value(L, "objects");
}

/* threads([place]): an array of tables, one batch; and the place where the next batch begins, or nil at the end */
static int
threads(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_thread_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    if (target->ops->threads == NULL) {
        return core_fail_errno(L, ENOTSUP, "threads cannot be listed in this way; the agent can");
    }
    lunalloc_thread_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n;
    int error = target->ops->threads(target, &cursor, batch, BATCH, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    core_push_records(L, batch, sizeof *batch, n, push_thread);
    if (n == 0) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)cursor.next);
    }
    return 2;
}

void
core_add_threads(lua_State *L) {
    static const luaL_Reg functions[] = {{"threads", threads}, {NULL, NULL}};
    core_add_functions(L, functions);
}

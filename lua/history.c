/* history.c -- the history of a target: moments, and marks of changed settings. */
#include "core.h"

#include <errno.h>

enum {
    BATCH = 64
};

/* An absent figure is no field. */
static void
set_figure(lua_State *L, const char *name, uint64_t value) {
    if (value != LUNALLOC_ABSENT) {
        core_push_unsigned(L, value);
        core_set_value(L, name);
    }
}

static void
push_moment(lua_State *L, const void *record) {
    const lunalloc_moment_t *moment = record;
    lua_createtable(L, 0, 10);
    set_figure(L, "time", moment->time);
    set_figure(L, "rss", moment->rss);
    set_figure(L, "allocated", moment->allocated);
    set_figure(L, "active", moment->active);
    set_figure(L, "dirty", moment->dirty);
    set_figure(L, "muzzy", moment->muzzy);
    set_figure(L, "retained", moment->retained);
    set_figure(L, "discarded", moment->discarded);
    set_figure(L, "requests", moment->requests);
    set_figure(L, "faults", moment->faults);
}

static void
push_mark(lua_State *L, const void *record) {
    const lunalloc_mark_t *mark = record;
    lua_createtable(L, 0, 3);
    set_figure(L, "time", mark->time);
    core_set_string(L, "name", mark->name);
    core_set_string(L, "value", mark->value);
}

static int
fail_without(lua_State *L) {
    return core_fail_errno(L, ENOTSUP, "history cannot be read in this way; the agent keeps it");
}

/* moments([place]): an array of tables, one batch; and the place where the next batch begins. None: no more now. */
static int
moments(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_history_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    if (target->ops->moments == NULL) {
        return fail_without(L);
    }
    lunalloc_moment_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n;
    int error = target->ops->moments(target, &cursor, batch, BATCH, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    core_push_records(L, batch, sizeof *batch, n, push_moment);
    lua_pushinteger(L, (lua_Integer)cursor.next);
    return 2;
}

/* marks([place]): likewise */
static int
marks(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_history_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    if (target->ops->marks == NULL) {
        return fail_without(L);
    }
    lunalloc_mark_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n;
    int error = target->ops->marks(target, &cursor, batch, BATCH, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    core_push_records(L, batch, sizeof *batch, n, push_mark);
    lua_pushinteger(L, (lua_Integer)cursor.next);
    return 2;
}

void
core_add_history(lua_State *L) {
    static const luaL_Reg functions[] = {{"moments", moments}, {"marks", marks}, {NULL, NULL}};
    core_add_functions(L, functions);
}

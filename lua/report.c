/*
 * report.c -- the allocator's own reports as Lua strings, and its counters beside the system's.
 */
#include "collect.h"
#include "core.h"

#include <errno.h>
#include <string.h>

static lunalloc_format_t
format_of(const char *opts) {
    return strchr(opts, 'J') != NULL ? LUNALLOC_JSON : strchr(opts, 'O') != NULL ? LUNALLOC_OPENMETRICS : LUNALLOC_TEXT;
}

/* report([opts]): all statistics; letters as malloc_stats_print's */
static int
report(lua_State *L) {
    target_handle_t *target = core_target(L);
    const char *opts = lua_isnoneornil(L, 1) ? "" : lua_tostring(L, 1);
    if (opts == NULL) {
        return core_bad_type(L, "stats_print", 1, 1, "string");
    }
    collected_t collected = {0};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->report(target, format_of(opts), opts, collected_piece, &collected);
    if (error == 0 && collected.failed) {
        error = target_fail(target, ENOMEM, "no memory for the report");
    }
    if (error != 0) {
        collected_free(&collected);
        return core_fail_target(L, error, target);
    }
    return collected_push(L, &collected);
}

static void
set_residency(lua_State *L, const char *name, const lunalloc_residency_t *residency) {
    lua_createtable(L, 0, 2);
    core_set_integer(L, "counted", (lua_Integer)residency->counted);
    core_set_integer(L, "resident", (lua_Integer)residency->resident);
    core_set_value(L, name);
}

/* reconcile(): a table with the fields of lunalloc_reconciliation_t */
static int
reconcile(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_reconciliation_t r;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->reconcile(target, &r);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_createtable(L, 0, 12);
    set_residency(L, "active", &r.active);
    set_residency(L, "dirty", &r.dirty);
    set_residency(L, "muzzy", &r.muzzy);
    set_residency(L, "retained", &r.retained);
    core_set_integer(L, "metadata", (lua_Integer)r.metadata);
    core_set_integer(L, "rss", (lua_Integer)r.rss);
    core_set_integer(L, "anonymous", (lua_Integer)r.anonymous);
    core_set_integer(L, "file", (lua_Integer)r.file);
    core_set_integer(L, "lazy_free", (lua_Integer)r.lazy_free);
    core_set_integer(L, "swap", (lua_Integer)r.swap);
    core_set_integer(L, "explained", (lua_Integer)r.explained);
    core_set_integer(L, "unexplained", (lua_Integer)r.unexplained);
    return 1;
}

void
core_add_report(lua_State *L) {
    static const luaL_Reg functions[] = {{"report", report}, {"reconcile", reconcile}, {NULL, NULL}};
    core_add_functions(L, functions);
}

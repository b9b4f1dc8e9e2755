/* backend.c -- a backend for a target: a table of all functions that concern one allocator. */
#include "core.h"

void
core_push_backend(lua_State *L) {
    lua_newtable(L);
    core_add_controls(L);
    core_add_extents(L);
    core_add_tally(L);
    core_add_inspect(L);
    core_add_stats(L);
    core_add_report(L);
    core_add_samples(L);
    core_add_threads(L);
    core_add_history(L);
    core_add_settings(L);
    core_add_extent_set(L);
    core_add_residency(L);
    lua_pushvalue(L, -2);
    core_set_value(L, "target");
}

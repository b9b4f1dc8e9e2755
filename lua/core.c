/*
 * core.c -- luaopen_lunalloc_core. It gathers the primitives of the other files in one table, which
 * lua/lunalloc/init.lua passes to the public layer as the backend for this process. `lunalloc.core` has besides what
 * concerns no target, or this process alone.
 */
#include "core.h"

static int
open_core(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    core_open_target_type(L);
    core_open_extents_type(L);
    core_open_settings_type(L);
    core_open_extent_set_type(L);
    core_push_self(L);
    core_push_backend(L);
    core_set_string(L, "version", LUNALLOC_VERSION);
    core_set_boolean(L, "loaded", api != NULL);
    core_set_boolean(L, "replaced", api != NULL && api->replaced());
    core_set_string(L, "reason", loader_reason());
    core_open_stats(L);
    core_open_buffer(L);
    core_open_spelling(L);
    core_open_hooks(L);
    core_open_pause(L);
    core_open_write_file(L);
    core_open_file_kind(L);
    core_open_meter(L);
    core_open_frames(L);
    core_open_json(L);
    core_open_extent_set(L);
    core_open_trace_blocks(L);
    core_open_samples(L);
    core_open_attach(L);
    core_open_metrics(L);
    core_open_pprof(L);
    core_open_child(L);
    core_open_process_tree(L);
    core_open_replay(L);
    core_open_trace(L);
    luaopen_lunalloc_workload(L);
    lua_setfield(L, -2, "workload");
    return 1;
}

__attribute__((visibility("default"))) LUAMOD_API int
luaopen_lunalloc_core(lua_State *L) {
    luaL_checkversion(L);
    return open_core(L);
}

/*
 * lua_map.c -- sets of extents as a Lua type: taken from a target, rasterised. lunalloc/instant.lua makes the
 * public functions of it.
 */
#include "core.h"
#include "map/map.h"

#include <errno.h>
#include <string.h>

enum {
    BATCH = 4096,
    SPANS_MAX = 4096 /* that spans() returns */
};

/* Nothing here calls Lua. */
static int
walk(target_handle_t *target, uint32_t arena, lunalloc_extent_t *batch, extent_set_t *set) {
    lunalloc_cursor_t cursor = {.arena = arena};
    size_t n;
    int error;
    while ((error = target->ops->extents(target, &cursor, batch, BATCH, &n, NULL)) == 0 && n > 0) {
        for (size_t i = 0; i < n; i++) {
            if (!extent_set_add_extent(set, &batch[i])) {
                return target_fail(target, ENOMEM, "no memory for a copy of the extents");
            }
        }
    }
    if (error == 0 && !extent_set_tidy(set)) {
        error = target_fail(target, ENOMEM, "no memory to sort the extents");
    }
    return error;
}

/* extent_set([arena]): a set of all extents, or of those of an arena */
static int
extent_set(lua_State *L) {
    target_handle_t *target = core_target(L);
    uint32_t arena = core_opt_index(L, 1, LUNALLOC_ALL), n = 0;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_extent_t *batch = lua_newuserdatauv(L, BATCH * sizeof(*batch), 0);
    lunalloc_sizeclass_t *classes = lua_newuserdatauv(L, TARGET_SIZES_MAX * sizeof(*classes), 0);
    map_heap_t *heap = map_push_heap(L);
    int error = target->ops->nsizes(target, &n);
    error = error == 0 ? target->ops->sizeclasses(target, classes) : error;
    for (uint32_t i = 0; i < n && error == 0; i++) {
        heap->set.class_size[i] = classes[i].size;
    }
    heap->set.nclasses = n;
    error = error == 0 ? walk(target, arena, batch, &heap->set) : error;
    return error == 0 ? 1 : core_fail_target(L, error, target);
}

static int
count(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "count");
    lua_pushinteger(L, (lua_Integer)heap->set.n);
    return 1;
}

/* slab(address): szind, arena, regions, free ones, discarded bytes of the slab there; nothing if there is none */
static int
slab(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "slab");
    uint64_t address = (uint64_t)luaL_checkinteger(L, 2);
    size_t i = extent_set_find(&heap->set, address);
    const extent_entry_t *entry = i < heap->set.n ? &heap->set.all[i] : NULL;
    if (entry == NULL || entry->addr > address || (entry->flags & EXTENT_SLAB) == 0) {
        return 0;
    }
    lua_pushinteger(L, entry->szind);
    lua_pushinteger(L, entry->arena);
    lua_pushinteger(L, entry->nregs);
    lua_pushinteger(L, entry->nfree);
    lua_pushinteger(L, (lua_Integer)extent_discarded(entry));
    return 5;
}

/* ---- layouts and pictures ---- */

/* spans(gap, max): {start, end, start, end, ...}, and the gap up to which ranges were joined */
static int
spans(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "spans");
    uint64_t gap = (uint64_t)luaL_checkinteger(L, 2);
    lua_Integer max = luaL_optinteger(L, 3, SPANS_MAX);
    luaL_argcheck(L, max >= 1 && max <= SPANS_MAX, 3, "1 to 4096 spans expected");
    extent_span_t *list = lua_newuserdatauv(L, (size_t)max * sizeof(*list), 0);
    size_t n = extent_set_spans(&heap->set, &gap, list, (size_t)max);
    lua_createtable(L, (int)(2 * n), 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushinteger(L, (lua_Integer)list[i].start);
        lua_rawseti(L, -2, (lua_Integer)(2 * i) + 1);
        lua_pushinteger(L, (lua_Integer)list[i].end);
        lua_rawseti(L, -2, (lua_Integer)(2 * i) + 2);
    }
    lua_pushinteger(L, (lua_Integer)gap);
    return 2;
}

static void
push_arenas_of_keys(lua_State *L, const map_keys_t *keys) {
    lua_createtable(L, (int)keys->narenas, 0);
    for (uint32_t i = 0; i < keys->narenas; i++) {
        lua_pushinteger(L, keys->arenas[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* raster(by, arena, cell_bytes, ncells, {start, end, cell, ...}): the cells as a text, arrays of bytes and of
 * cells by key, and the arenas of the keys by arena */
static int
raster(lua_State *L) {
    map_heap_t *heap = map_check_heap(L, 1, "raster");
    map_by_t by = map_check_by(L, 2);
    uint32_t only = core_opt_index(L, 3, LUNALLOC_ALL);
    map_layout_t layout;
    map_keys_t keys;
    map_totals_t totals;
    luaL_Buffer text;
    map_check_layout(L, 4, &layout); /* its block stays below the buffer */
    char *cells = luaL_buffinitsize(L, &text, layout.ncells);
    map_keys_init(&keys, by, only, &heap->set);
    map_raster(&heap->set, &heap->residency, &keys, &layout, cells, &totals);
    luaL_pushresultsize(&text, layout.ncells);
    map_push_totals(L, &totals);
    push_arenas_of_keys(L, &keys);
    return 4;
}

/* ---- the type ---- */

static int
heap_close(lua_State *L) {
    map_heap_t *heap = map_check_heap(L, 1, "close");
    extent_set_free(&heap->set);
    residency_free(&heap->residency);
    return 0;
}

static int
heap_tostring(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "tostring");
    lua_pushfstring(L, "%I extents", (LUAI_UACINT)heap->set.n);
    return 1;
}

void
core_add_extent_set(lua_State *L) {
    static const luaL_Reg functions[] = {{"extent_set", extent_set}, {NULL, NULL}};
    core_add_functions(L, functions);
}

void
core_open_extent_set_type(lua_State *L) {
    static const luaL_Reg methods[] = {{"count", count},   {"slab", slab},        {"spans", spans},
                                       {"raster", raster}, {"close", heap_close}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {
        {"__gc", heap_close}, {"__close", heap_close}, {"__tostring", heap_tostring}, {NULL, NULL}};
    core_new_type(L, CORE_EXTENT_SET, metamethods, methods);
    luaL_getmetatable(L, CORE_EXTENT_SET);
    lua_getfield(L, -1, "__index");
    map_add_residency_methods(L);
    map_add_sums_methods(L);
    map_add_file_methods(L);
    map_add_changes_methods(L);
    lua_pop(L, 2);
}

/* lua_residency.c -- which pages of a set of extents are in memory, as Lua sees it. */
#include "map/map.h"

#include <errno.h>

static const char *const way_names[] = {
    [RESIDENCY_BEST] = "best",
    [RESIDENCY_SCAN] = "scan",
    [RESIDENCY_PAGEMAP] = "pagemap",
    [RESIDENCY_MINCORE] = "mincore",
    NULL,
};

static const char *const kind_names[] = {
    [RESIDENCY_ABSENT] = "absent",   [RESIDENCY_PRESENT] = "present", [RESIDENCY_HUGE] = "huge",
    [RESIDENCY_SWAPPED] = "swapped", [RESIDENCY_GUARD] = "guard",
};

/* {present=, huge=, ...} from the kind `first` on */
static void
push_kinds(lua_State *L, const uint64_t *bytes, unsigned first) {
    lua_createtable(L, 0, RESIDENCY_KINDS);
    for (unsigned kind = first; kind < RESIDENCY_KINDS; kind++) {
        core_set_integer(L, kind_names[kind], (lua_Integer)bytes[kind]);
    }
}

/* residency(set[, way]): reads it into the set. {way=, process={present=, huge=, swapped=, guard=, file=}} */
static int
residency(lua_State *L) {
    target_handle_t *target = core_target(L);
    map_heap_t *heap = map_check_heap(L, 1, "residency");
    residency_t read = {0};
    residency_job_t job = {
        .set = &heap->set, .out = &read, .way = (residency_way_t)luaL_checkoption(L, 2, "best", way_names)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->residency(target, &job);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    residency_free(&heap->residency);
    heap->residency = read;
    lua_createtable(L, 0, 2);
    core_set_string(L, "way", job.way == RESIDENCY_BEST ? "core" : way_names[job.way]);
    if (job.has_process) {
        push_kinds(L, job.process.bytes, RESIDENCY_PRESENT);
        core_set_integer(L, "file", (lua_Integer)job.process.file);
        core_set_value(L, "process");
    }
    return 1;
}

/* residency_sums(): {[state] = {absent=, present=, ...}} */
static int
sums(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "residency_sums");
    uint64_t bytes[EXTENT_STATES][RESIDENCY_KINDS] = {{0}};
    size_t run = 0;
    for (size_t i = 0; i < heap->set.n; i++) {
        const extent_entry_t *entry = &heap->set.all[i];
        residency_sum(&heap->residency, &run, entry->addr, entry->addr + entry->size, bytes[entry->state]);
    }
    lua_createtable(L, 0, EXTENT_STATES);
    for (unsigned state = 0; state < EXTENT_STATES; state++) {
        push_kinds(L, bytes[state], RESIDENCY_ABSENT);
        core_set_value(L, core_state_name(state));
    }
    return 1;
}

void
map_add_residency_methods(lua_State *L) {
    static const luaL_Reg methods[] = {{"residency_sums", sums}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}

void
core_add_residency(lua_State *L) {
    static const luaL_Reg functions[] = {{"residency", residency}, {NULL, NULL}};
    core_add_functions(L, functions);
}

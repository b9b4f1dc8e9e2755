/* lua_sums.c -- what the extents of a set add up to, by state, arena and class, as Lua sees it. */
#include "map/map.h"

#include <string.h>

static void
add_to(map_sum_t *sum, const extent_entry_t *entry, uint64_t used) {
    sum->count++;
    sum->bytes += entry->size;
    sum->used += used;
    sum->discarded += extent_discarded(entry);
}

void
map_sums_add(map_sums_t *sums, const extent_set_t *set, const extent_entry_t *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const extent_entry_t *entry = &entries[i];
        uint64_t used = extent_used(set, entry);
        uint32_t arena = entry->arena < MAP_SUMS_ARENAS ? entry->arena : MAP_SUMS_ARENAS - 1;
        add_to(&sums->arenas[arena][entry->state], entry, used);
        if (entry->state == LUNALLOC_ACTIVE && entry->szind < EXTENT_CLASSES) {
            add_to(&sums->classes[entry->szind], entry, used);
        }
    }
}

static void
push_sum(lua_State *L, const map_sum_t *sum) {
    lua_createtable(L, 0, 4);
    core_set_integer(L, "count", (lua_Integer)sum->count);
    core_set_integer(L, "bytes", (lua_Integer)sum->bytes);
    core_set_integer(L, "used", (lua_Integer)sum->used);
    core_set_integer(L, "discarded", (lua_Integer)sum->discarded);
}

/* {[name of a state] = sum}, of those that have any */
static void
push_states(lua_State *L, const map_sum_t *states) {
    lua_newtable(L);
    for (uint32_t state = 0; state < EXTENT_STATES; state++) {
        if (states[state].count > 0) {
            push_sum(L, &states[state]);
            core_set_value(L, core_state_name(state));
        }
    }
}

static uint64_t
count_of(const map_sum_t *states) {
    uint64_t count = 0;
    for (uint32_t state = 0; state < EXTENT_STATES; state++) {
        count += states[state].count;
    }
    return count;
}

/* An array of {arena=, states=}. */
static void
push_arenas(lua_State *L, const map_sums_t *sums) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t arena = 0; arena < MAP_SUMS_ARENAS; arena++) {
        if (count_of(sums->arenas[arena]) > 0) {
            push_states(L, sums->arenas[arena]);
            core_set_integer(L, "arena", arena);
            lua_rawseti(L, -2, ++n);
        }
    }
}

static void
push_all_states(lua_State *L, const map_sums_t *sums) {
    map_sum_t states[EXTENT_STATES] = {{0}};
    for (uint32_t arena = 0; arena < MAP_SUMS_ARENAS; arena++) {
        for (uint32_t state = 0; state < EXTENT_STATES; state++) {
            states[state].count += sums->arenas[arena][state].count;
            states[state].bytes += sums->arenas[arena][state].bytes;
            states[state].used += sums->arenas[arena][state].used;
            states[state].discarded += sums->arenas[arena][state].discarded;
        }
    }
    push_states(L, states);
}

/* An array of {szind=, size=, count=, bytes=, used=, discarded=}. */
static void
push_classes(lua_State *L, const map_sums_t *sums, const extent_set_t *set) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t szind = 0; szind < EXTENT_CLASSES; szind++) {
        if (sums->classes[szind].count > 0) {
            push_sum(L, &sums->classes[szind]);
            core_set_integer(L, "szind", szind);
            core_set_integer(L, "size", (lua_Integer)set->class_size[szind]);
            lua_rawseti(L, -2, ++n);
        }
    }
}

void
map_push_sums(lua_State *L, const map_sums_t *sums, const extent_set_t *set) {
    lua_createtable(L, 0, 3);
    push_all_states(L, sums);
    core_set_value(L, "states");
    push_arenas(L, sums);
    core_set_value(L, "arenas");
    push_classes(L, sums, set);
    core_set_value(L, "classes");
}

map_sums_t *
map_new_sums(lua_State *L) {
    map_sums_t *sums = lua_newuserdatauv(L, sizeof(*sums), 0);
    memset(sums, 0, sizeof(*sums));
    return sums;
}

/* sums(): {states={[state]=sum}, arenas={{arena=,[state]=sum}...}, classes={{szind=,size=,count=,...}...}} */
static int
sums(lua_State *L) {
    const map_heap_t *heap = map_check_heap(L, 1, "sums");
    map_sums_t *all = map_new_sums(L);
    heap = map_check_heap(L, 1, "sums"); /* a collection may have run Lua code */
    map_sums_add(all, &heap->set, heap->set.all, heap->set.n);
    map_push_sums(L, all, &heap->set);
    return 1;
}

void
map_add_sums_methods(lua_State *L) {
    static const luaL_Reg methods[] = {{"sums", sums}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}

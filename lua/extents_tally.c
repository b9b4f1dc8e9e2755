/*
 * extents_tally.c -- counts and bytes of the extents of a walk, grouped by a field that has few values: in C, since a
 * table of each extent takes ten times as long.
 */
#include "extents.h"

#include <errno.h>
#include <string.h>

enum {
    KEYS = 1 << 12, /* of arenas, the field with the most values; one more for extents without a size class */
};

typedef struct {
    uint64_t count, bytes;
} tally_t;

/* Fields with few values. */
static const char *const tallied[] = {"state", "szind", "arena", "slab", "is_head", "committed", "zeroed", NULL};

/* The value of tallied[by], as an index; KEYS for none. */
static uint32_t
key_of(const lunalloc_extent_t *extent, int by) {
    const uint32_t values[] = {extent->state,   extent->szind,     extent->arena, extent->slab,
                               extent->is_head, extent->committed, extent->zeroed};
    return values[by] < KEYS ? values[by] : KEYS;
}

/* Pushes the value of tallied[by] that has this index. */
static void
push_key(lua_State *L, int by, uint32_t key) {
    if (by == 0) {
        lua_pushstring(L, core_state_name(key));
    } else if (by > 2) {
        lua_pushboolean(L, key != 0);
    } else if (key == KEYS) {
        lua_pushliteral(L, "none");
    } else {
        lua_pushinteger(L, key);
    }
}

static void
push_tallies(lua_State *L, const tally_t *tallies, int by) {
    lua_newtable(L);
    for (uint32_t key = 0; key <= KEYS; key++) {
        if (tallies[key].count > 0) {
            push_key(L, by, key);
            lua_createtable(L, 0, 2);
            core_set_integer(L, "count", (lua_Integer)tallies[key].count);
            core_set_integer(L, "bytes", (lua_Integer)tallies[key].bytes);
            lua_rawset(L, -3);
        }
    }
}

/* tally(walker, by): { [value] = { count =, bytes = } } of the rest of a walk; nothing if `by` has too many values */
static int
tally(lua_State *L) {
    walker_t *walker = core_check_self(L, CORE_WALKER, "walker:tally");
    int by = 0;
    const char *word = luaL_checkstring(L, 2);
    while (tallied[by] != NULL && strcmp(tallied[by], word) != 0) {
        by++;
    }
    if (tallied[by] == NULL) {
        return 0;
    }
    tally_t *tallies = lua_newuserdatauv(L, (KEYS + 1) * sizeof(*tallies), 0);
    memset(tallies, 0, (KEYS + 1) * sizeof(*tallies));
    lunalloc_extent_t extent;
    const target_handle_t *target;
    int error;
    while ((error = walker_advance(L, walker, &extent, &target)) == 0) {
        tally_t *of = &tallies[key_of(&extent, by)];
        of->count++;
        of->bytes += extent.size;
    }
    if (error != ENOENT) {
        return core_fail_target(L, error, target);
    }
    push_tallies(L, tallies, by);
    return 1;
}

void
core_add_tally(lua_State *L) {
    static const luaL_Reg functions[] = {{"tally", tally}, {NULL, NULL}};
    core_add_functions(L, functions);
}

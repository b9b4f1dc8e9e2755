/*
 * pprof.c -- pprof(stacks, maps, period, time, names): a heap profile of any process, as pprof's protocol buffer.
 *
 *     stacks   an array of { { return addresses, innermost first }, objects, bytes }, whole numbers
 *     maps     the text of the process's /proc/PID/maps, or ""
 *     period   bytes between two samples; time: of the day, in ns
 *     names    { [address] = "name (file:line)" } for frames of an interpreter, or nil
 *
 * The tables are read raw while the profile is written; nothing is allocated by Lua meanwhile.
 */
#include "collect.h"
#include "core.h"

#include "observe/pprof.h"

#include <string.h>

enum {
    NAMES = 5, /* the argument */
    LINE_MAX_BYTES = 4096 + 256
};

/* Where the encoder puts its bytes, and where it asks for names. */
typedef struct {
    collected_t bytes;
    lua_State *L;
} output_t;

static void
put(void *context, const void *data, size_t len) {
    output_t *output = context;
    collected_bytes(&output->bytes, data, len);
}

/* The text names[ip], which its table keeps; NULL if there is none. */
static const char *
name_of(void *context, uintptr_t ip) {
    lua_State *L = ((output_t *)context)->L;
    if (!lua_istable(L, NAMES)) {
        return NULL;
    }
    const char *name = lua_rawgeti(L, NAMES, (lua_Integer)ip) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return name;
}

/* Encodes the line [from, to) of the maps. */
static void
put_mapping(pprof_t *profile, const char *from, const char *to) {
    char line[LINE_MAX_BYTES];
    size_t len = (size_t)(to - from) < sizeof line ? (size_t)(to - from) : sizeof line - 1;
    memcpy(line, from, len);
    line[len] = '\0';
    pprof_mapping(profile, line);
}

static void
put_mappings(pprof_t *profile, const char *maps) {
    for (const char *end; (end = strchr(maps, '\n')) != NULL; maps = end + 1) {
        put_mapping(profile, maps, end);
    }
}

/* Pushes room for the mappings. */
static void
push_mappings(lua_State *L, pprof_t *profile, const char *maps) {
    for (profile->mappings_max = 1; (maps = strchr(maps, '\n')) != NULL; maps++) {
        profile->mappings_max++;
    }
    profile->mappings = lua_newuserdatauv(L, profile->mappings_max * sizeof(pprof_range_t), 0);
}

/* The number t[i], where t is a stack index. */
static lua_Integer
number_at(lua_State *L, int t, lua_Integer i) {
    lua_rawgeti(L, t, i);
    lua_Integer number = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return number;
}

/* Pushes t[i], a table; raises if it is none. */
static void
push_table(lua_State *L, int t, lua_Integer i) {
    if (lua_rawgeti(L, t, i) != LUA_TTABLE) {
        luaL_error(L, "pprof: a table expected, got %s", luaL_typename(L, -1));
    }
}

static size_t
depth_of(lua_State *L, int addresses) {
    size_t depth = lua_rawlen(L, addresses);
    return depth < LUNALLOC_STACK_MAX ? depth : LUNALLOC_STACK_MAX;
}

static void
put_stack(lua_State *L, pprof_t *profile, lua_Integer i) {
    uintptr_t ips[LUNALLOC_STACK_MAX];
    lua_rawgeti(L, 1, i);
    int t = lua_gettop(L);
    lua_rawgeti(L, t, 1);
    size_t depth = depth_of(L, t + 1);
    for (size_t k = 0; k < depth; k++) {
        ips[k] = (uintptr_t)number_at(L, t + 1, (lua_Integer)k + 1);
    }
    const uint64_t values[] = {(uint64_t)number_at(L, t, 2), (uint64_t)number_at(L, t, 3)};
    pprof_stack(profile, ips, depth, values, 2);
    lua_settop(L, t - 1);
}

/* Checks the stacks, and pushes a table for their addresses, at most half full. */
static void
push_seen(lua_State *L, pprof_t *profile) {
    size_t n = 1;
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
        push_table(L, 1, i);
        push_table(L, -1, 1);
        n += depth_of(L, -1);
        lua_pop(L, 2);
    }
    profile->lg_seen = 4;
    while (((size_t)1 << profile->lg_seen) < 2 * n) {
        profile->lg_seen++;
    }
    size_t bytes = sizeof(uintptr_t) << profile->lg_seen;
    profile->seen = lua_newuserdatauv(L, bytes, 0);
    memset(profile->seen, 0, bytes);
}

static int
pprof(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, NAMES);
    const char *maps = luaL_checkstring(L, 2);
    uint64_t period = (uint64_t)luaL_checkinteger(L, 3), time = (uint64_t)luaL_checkinteger(L, 4);
    pprof_t *profile = lua_newuserdatauv(L, sizeof *profile, 0);
    output_t output = {.L = L};
    *profile = (pprof_t){.put = put, .context = &output, .name_of = name_of};
    push_seen(L, profile);
    push_mappings(L, profile, maps);
    luaL_checkstack(L, 8, NULL);
    pprof_begin(profile, false, period, time);
    put_mappings(profile, maps);
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
        put_stack(L, profile, i);
    }
    if (output.bytes.failed) {
        collected_free(&output.bytes);
        return core_fail(L, "ENOMEM", "no memory for the profile");
    }
    return collected_push(L, &output.bytes);
}

void
core_open_pprof(lua_State *L) {
    lua_pushcfunction(L, pprof);
    lua_setfield(L, -2, "pprof");
}

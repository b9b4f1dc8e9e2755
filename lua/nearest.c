/* nearest.c -- "did you mean ...?": the candidate that is nearest to a word (base/nearest.h). */
#include "base/nearest.h"
#include "core.h"

const char *
core_nearest(const char *word, const char *const *candidates, size_t n) {
    uint32_t least = NEAREST_NONE;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        uint32_t distance = nearest_distance(word, candidates[i]);
        if (distance < least) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* nearest(word, array of strings): one of them, or nil */
static int
nearest_of(lua_State *L) {
    const char *word = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t n = lua_rawlen(L, 2);
    luaL_argcheck(L, n <= 1 << 20, 2, "too many candidates");
    const char **candidates = lua_newuserdatauv(L, n * sizeof(*candidates) + 1, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "an array of strings expected");
        candidates[i] = lua_tostring(L, -1); /* kept alive by the array */
        lua_pop(L, 1);
    }
    lua_pushstring(L, core_nearest(word, candidates, n)); /* NULL pushes nil */
    return 1;
}

void
core_open_nearest(lua_State *L) {
    lua_pushcfunction(L, nearest_of);
    lua_setfield(L, -2, "nearest");
}

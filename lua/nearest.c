/*
 * nearest.c -- "did you mean ...?": the candidate within a small edit distance of a word.
 */
#include "core.h"

#include <string.h>

enum {
    WORD_MAX = 64
}; /* longer words get no suggestion */

static size_t
smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/*
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, one each. Three rows
 * of the usual matrix: line i, the one above it, and the one above that (for swaps).
 */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb) {
    size_t storage[3][WORD_MAX + 1];
    size_t *above2 = storage[0], *above = storage[1], *line = storage[2];
    for (size_t j = 0; j <= nb; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        line[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t changed = above[j - 1] + (a[i - 1] != b[j - 1]);
            line[j] = smaller(changed, smaller(above[j], line[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                line[j] = smaller(line[j], above2[j - 2] + 1);
            }
        }
        size_t *oldest = above2;
        above2 = above;
        above = line;
        line = oldest;
    }
    return above[nb];
}

const char *
core_nearest(const char *word, const char *const *candidates, size_t n) {
    size_t length = strlen(word);
    size_t best = length / 3 + 2; /* at most a third of the letters wrong, and one in the shortest words */
    const char *nearest = NULL;
    for (size_t i = 0; i < n && length <= WORD_MAX; i++) {
        size_t other = strlen(candidates[i]);
        if (other <= WORD_MAX) {
            size_t d = distance(word, length, candidates[i], other);
            if (d < best && d < other) {
                best = d;
                nearest = candidates[i];
            }
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

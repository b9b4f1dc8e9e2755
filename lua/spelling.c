/*
 * spelling.c -- texts as scripts spell them: quantities ("64K", "250ms", "50k/s", "75%"), and names, which may be
 * mistyped.
 *
 * The grammar of quantities is that of base/units.h, the distance of names that of base/nearest.h: the allocator reads
 * its configuration with the same two files, which the module links, too.
 */
#include <math.h>

#include "base/nearest.h"
#include "base/units.h"
#include "core.h"

/* ---- quantities ---- */

/* The text at `stack` without the blanks around it. Its length counts zero bytes, with which it is no quantity. */
static const char *
trimmed(lua_State *L, int stack, size_t *length) {
    const char *text = lua_tolstring(L, stack, length);
    while (*length > 0 && text[*length - 1] == ' ') {
        --*length;
    }
    while (*length > 0 && *text == ' ') {
        text++;
        --*length;
    }
    return text;
}

/* Reads the text at `stack` as a whole quantity that a Lua integer can hold. */
static bool
read_whole(lua_State *L, units_t units, int stack, uint64_t *value) {
    size_t length;
    const char *text = trimmed(L, stack, &length);
    return units_parse(units, text, length, value) && *value <= INT64_MAX;
}

/* Reads the text at `stack` as a finite quantity, 0 or more. */
static bool
read_real(lua_State *L, units_t units, int stack, double *value) {
    size_t length;
    const char *text = trimmed(L, stack, &length);
    return units_parse_real(units, text, length, value) && *value >= 0 && isfinite(*value);
}

int
core_to_size(lua_State *L, const char *call, int arg, int stack, size_t *size) {
    int type = lua_type(L, stack), whole = 0;
    uint64_t bytes = 0;
    if (type == LUA_TNUMBER) {
        lua_Integer integer = lua_tointegerx(L, stack, &whole);
        whole = whole && integer >= 0;
        bytes = (uint64_t)integer;
    } else if (type == LUA_TSTRING) {
        whole = read_whole(L, UNITS_BYTES, stack, &bytes);
    } else {
        return core_bad_type(L, call, arg, stack, "size (number, or text such as '64K')");
    }
    if (!whole) {
        return core_fail(L, "EINVAL", "bad size '%s': whole bytes are needed, 0 or more, or text such as 64K, 1.5M, 2G",
                         luaL_tolstring(L, stack, NULL));
    }
    *size = (size_t)bytes;
    return 0;
}

/* bytes(value): an integer */
static int
bytes(lua_State *L) {
    size_t size;
    int failed = core_to_size(L, "bytes", 1, 1, &size);
    if (failed != 0) {
        return failed;
    }
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

/* quantity(kind, text): an integer of bytes, ns ("time": a number alone is seconds) or ones ("count"); a float ("rate",
 * "ratio"); nil if the text is no such quantity */
static int
quantity(lua_State *L) {
    static const char *const kinds[] = {"bytes", "time", "count", "rate", "ratio", NULL};
    static const units_t all[] = {UNITS_BYTES, UNITS_NS, UNITS_COUNT, UNITS_RATE, UNITS_RATIO};
    units_t units = all[luaL_checkoption(L, 1, NULL, kinds)];
    double real = 0;
    uint64_t whole = 0;
    luaL_checktype(L, 2, LUA_TSTRING);
    if (units == UNITS_RATE || units == UNITS_RATIO) {
        bool good = read_real(L, units, 2, &real);
        lua_pushnumber(L, real);
        return good;
    }
    bool good = read_whole(L, units, 2, &whole);
    lua_pushinteger(L, (lua_Integer)whole);
    return good;
}

/* ---- names ---- */

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
core_open_spelling(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"bytes", bytes}, {"quantity", quantity}, {"nearest", nearest_of}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

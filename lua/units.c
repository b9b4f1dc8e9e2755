/*
 * units.c -- sizes as scripts write them: 65536, 64K, "1.5M".
 */
#include "core.h"

#include <ctype.h>
#include <string.h>

enum {
    NUMBER_MAX = 32
};

/* The power of two that a suffix stands for, ignoring case: "", K, KB, KiB, and so on; -1 if it is none. */
static int
suffix_shift(const char *suffix) {
    static const char letters[] = "KMGT";
    size_t length = strlen(suffix);
    if (length == 0 || (length == 1 && toupper((unsigned char)suffix[0]) == 'B')) {
        return 0;
    }
    const char *letter = strchr(letters, toupper((unsigned char)suffix[0]));
    const char *rest = suffix + 1;
    bool unit = rest[0] == '\0' || (toupper((unsigned char)rest[0]) == 'B' && rest[1] == '\0') ||
                (tolower((unsigned char)rest[0]) == 'i' && toupper((unsigned char)rest[1]) == 'B' && rest[2] == '\0');
    return letter != NULL && unit ? 10 * (int)(letter - letters + 1) : -1;
}

/* A number that is not negative, scaled; a fraction of a byte is dropped. False if it does not fit. */
static bool
scale(lua_State *L, int shift, size_t *size) {
    int whole;
    lua_Integer integer = lua_tointegerx(L, -1, &whole);
    lua_Number scaled = lua_tonumber(L, -1) * (lua_Number)((lua_Integer)1 << shift);
    if (!(scaled >= 0 && scaled < 0x1p63)) {
        return false;
    }
    *size = whole ? (size_t)integer << shift : (size_t)scaled;
    return true;
}

/* Text of digits, perhaps a fraction, perhaps blanks and a suffix. */
static bool
parse(lua_State *L, const char *text, size_t *size) {
    char number[NUMBER_MAX];
    text += strspn(text, " ");
    size_t length = strspn(text, "0123456789.");
    const char *suffix = text + length + strspn(text + length, " ");
    int shift = suffix_shift(suffix);
    if (length == 0 || length >= sizeof(number) || shift < 0) {
        return false;
    }
    memcpy(number, text, length);
    number[length] = '\0';
    if (lua_stringtonumber(L, number) == 0) { /* Lua's parser, which no locale changes; pushes the number */
        return false;
    }
    bool fits = scale(L, shift, size);
    lua_pop(L, 1);
    return fits;
}

int
core_to_size(lua_State *L, const char *call, int arg, int stack, size_t *size) {
    int type = lua_type(L, stack);
    int whole = 0;
    if (type == LUA_TNUMBER) {
        lua_Integer integer = lua_tointegerx(L, stack, &whole);
        if (whole && integer >= 0) {
            *size = (size_t)integer;
            return 0;
        }
    } else if (type != LUA_TSTRING) {
        return core_bad_type(L, call, arg, stack, "size (number, or text such as '64K')");
    } else if (strlen(lua_tostring(L, stack)) == lua_rawlen(L, stack) && parse(L, lua_tostring(L, stack), size)) {
        return 0;
    }
    return core_fail(L, "EINVAL", "bad size '%s': whole bytes are needed, 0 or more, or text such as 64K, 1.5M, 2G",
                     luaL_tolstring(L, stack, NULL));
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

void
core_open_units(lua_State *L) {
    lua_pushcfunction(L, bytes);
    lua_setfield(L, -2, "bytes");
}

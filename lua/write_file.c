/* write_file.c -- writes a text to a file that is whole, or not there (trace/output.h). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include "trace/output.h"

#include <string.h>

/* write_file(path, text): true; or nil, message, code. No Lua code runs between the beginning and the end. */
static int
write_file(lua_State *L) {
    char message[256] = "";
    size_t size;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_checklstring(L, 2, &size);
    output_t out;
    int error = output_begin(&out, path, message, sizeof message);
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    if (output_write(&out, text, size)) {
        error = output_end(&out);
    } else {
        error = out.error;
        output_abandon(&out);
    }
    if (error != 0) {
        return core_fail_errno(L, error, lua_pushfstring(L, "cannot write %s: %s", path, strerror(error)));
    }
    lua_pushboolean(L, true);
    return 1;
}

void
core_open_write_file(lua_State *L) {
    static const luaL_Reg functions[] = {{"write_file", write_file}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

/*
 * file_kind.c -- what kind of file a path names: io.open() would wait at a FIFO until another process opens it; and
 * files that are written whole or not at all.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"

#include "trace/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *
kind_of(mode_t mode) {
    return S_ISREG(mode)    ? "file"
           : S_ISDIR(mode)  ? "folder"
           : S_ISFIFO(mode) ? "FIFO"
           : S_ISSOCK(mode) ? "socket"
                            : "device";
}

/* file_kind(path): "file", "folder", "FIFO", "socket" or "device", behind links; nil, message, code if there is none */
static int
file_kind(lua_State *L) {
    struct stat status;
    if (stat(luaL_checkstring(L, 1), &status) != 0) {
        return core_fail_errno(L, errno, strerror(errno));
    }
    lua_pushstring(L, kind_of(status.st_mode));
    return 1;
}

/* save_file(path, text): writes a file as trace/output.h says: beside, then renamed. true; nil, message, code */
static int
save_file(lua_State *L) {
    size_t len;
    output_t out;
    char message[256];
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
    int error = output_begin(&out, path, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    if (!output_write(&out, text, len)) {
        error = out.error;
        output_abandon(&out);
    } else {
        error = output_end(&out);
    }
    if (error != 0) {
        snprintf(message, sizeof(message), "cannot write %s: %s", path, strerror(error));
        return core_fail_errno(L, error, message);
    }
    lua_pushboolean(L, true);
    return 1;
}

void
core_open_file_kind(lua_State *L) {
    static const luaL_Reg functions[] = {{"file_kind", file_kind}, {"save_file", save_file}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

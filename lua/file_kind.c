/*
 * file_kind.c -- what kind of file a path names: io.open() would wait at a FIFO until another process opens it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"

#include <errno.h>
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

void
core_open_file_kind(lua_State *L) {
    static const luaL_Reg functions[] = {{"file_kind", file_kind}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

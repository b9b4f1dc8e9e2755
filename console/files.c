/*
 * files.c -- see files.h.
 */
#include "files.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <readline/readline.h>

static bool
is_folder(const char *name) {
    struct stat status;
    return stat(name, &status) == 0 && S_ISDIR(status.st_mode);
}

/* files(text): an array of the names of files that begin with the text; those of folders end with "/" */
static int
files(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    lua_newtable(L);
    char *name;
    for (int i = 0; i < FILES_MAX && (name = rl_filename_completion_function(text, i)) != NULL; i++) {
        lua_pushfstring(L, "%s%s", name, is_folder(name) ? "/" : "");
        lua_rawseti(L, -2, i + 1);
        free(name);
    }
    return 1;
}

void
files_open(lua_State *L) {
    lua_pushcfunction(L, files);
    lua_setfield(L, -2, "files");
}

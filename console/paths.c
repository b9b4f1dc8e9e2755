/*
 * paths.c -- the module's folders, relative to the executable:
 *
 *     tree       BUILD/lunalloc            BUILD/lua/?.so            ../lua/?.lua, or ../../lua/?.lua for build/VARIANT
 *     installed  PREFIX/bin/lunalloc       PREFIX/lib/lua/5.4/?.so   PREFIX/share/lua/5.4/?.lua
 *
 * A folder is added only if it contains the module, so that no other files are found there by accident.
 */
#include "paths.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char *const lua_folders[] = {"../lua", "../share/lua/5.4", "../../lua"};
static const char *const c_folders[] = {"lua", "../lib/lua/5.4"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Writes the folder of the running executable to `folder`; false if the system does not know it. */
static bool
executable_folder(char *folder, size_t size) {
    ssize_t n = readlink("/proc/self/exe", folder, size - 1);
    if (n <= 0) {
        return false;
    }
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Pushes "HERE/FOLDER/" if that folder has `file`; otherwise pushes nothing and returns false. */
static bool
push_folder(lua_State *L, const char *here, const char *folder, const char *file) {
    const char *path = lua_pushfstring(L, "%s/%s/%s", here, folder, file);
    bool found = access(path, R_OK) == 0;
    lua_pop(L, 1);
    if (found) {
        lua_pushfstring(L, "%s/%s/", here, folder);
    }
    return found;
}

/* package[field] = templates .. ";" .. package[field], where templates is on the top of the stack; pops it. */
static void
prepend(lua_State *L, const char *field) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, field);
    lua_pushfstring(L, "%s;%s", lua_tostring(L, -3), lua_tostring(L, -1));
    lua_setfield(L, -3, field);
    lua_pop(L, 3);
}

static void
add_lua_folder(lua_State *L, const char *here) {
    for (size_t i = 0; i < COUNT(lua_folders); i++) {
        if (push_folder(L, here, lua_folders[i], "lunalloc/init.lua")) {
            const char *folder = lua_tostring(L, -1);
            lua_pushfstring(L, "%s?.lua;%s?/init.lua", folder, folder);
            prepend(L, "path");
            lua_pop(L, 1);
            return;
        }
    }
}

static void
add_c_folder(lua_State *L, const char *here) {
    for (size_t i = 0; i < COUNT(c_folders); i++) {
        if (push_folder(L, here, c_folders[i], "lunalloc/core.so")) {
            lua_pushfstring(L, "%s?.so", lua_tostring(L, -1));
            prepend(L, "cpath");
            lua_pop(L, 1);
            return;
        }
    }
}

void
paths_setup(lua_State *L) {
    char here[PATH_MAX];
    if (executable_folder(here, sizeof here)) {
        add_lua_folder(L, here);
        add_c_folder(L, here);
    }
}

/*
 * embed.c -- a C program that embeds Lua and lets a script tune its memory: it calls the script between rounds of work.
 *
 *   cc embed.c $(pkg-config --cflags --libs lua5.4) -llunalloc -o embed && ./embed policy.lua
 */
#include <lauxlib.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A round of work: allocates much memory, and frees it at once. */
static void
work(int round) {
    enum {
        BLOCKS = 2000
    };
    static char *blocks[BLOCKS];
    size_t size = round % 4 == 0 ? 32768 : 512;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(size);
        memset(blocks[i], round, size);
    }
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}

static int
fail(lua_State *L) {
    fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return 1;
}

int
main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    /* The script returns its policy, a function that takes the number of the round. */
    if (luaL_loadfile(L, argc > 1 ? argv[1] : "policy.lua") != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        return fail(L);
    }
    for (int round = 0; round < 8; round++) {
        work(round);
        lua_pushvalue(L, -1);
        lua_pushinteger(L, round);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            return fail(L);
        }
    }
    lua_close(L);
    return 0;
}

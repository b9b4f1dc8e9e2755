/*
 * embed.c -- a C program that embeds Lua and lets a script tune its memory: it calls a policy between rounds of work.
 *
 *   cc embed.c $(pkg-config --cflags --libs lua5.4 lunalloc) -o embed && ./embed dirty_cap.lua
 */
#include <lauxlib.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A round of work: allocates much memory, and frees it at once. */
static void
work(int round) {
    static char *blocks[2000];
    size_t size = round % 4 == 0 ? 32768 : 512;
    for (int i = 0; i < 2000; i++) {
        blocks[i] = memset(malloc(size), round, size);
    }
    for (int i = 0; i < 2000; i++) {
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
    /* The file returns a policy. Called with its options, it returns the function that makes one step. */
    if (luaL_dofile(L, argc > 1 ? argv[1] : "dirty_cap.lua") != LUA_OK) {
        return fail(L);
    }
    lua_newtable(L);
    lua_pushstring(L, "16M");
    lua_setfield(L, -2, "limit");
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        return fail(L);
    }
    for (int round = 0; round < 8; round++, lua_pop(L, 1)) {
        work(round);
        lua_pushvalue(L, -1);
        if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
            return fail(L);
        } else if (lua_isstring(L, -1)) { /* what was done; nil: nothing */
            printf("round %d: %s\n", round, lua_tostring(L, -1));
        }
    }
    lua_close(L);
    return 0;
}

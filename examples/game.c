/*
 * game.c -- a game's loop. A frame has 16 ms; what is left of them is a policy's, which gives memory back if that fits.
 *
 *   cc game.c $(pkg-config --cflags --libs lua5.4 lunalloc) -o game && ./game frame_budget.lua
 */
#include <lauxlib.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The frame's work: `n` blocks of 64 KiB are used and freed. A frame that loads a level takes all of its time. */
static void
play(size_t n, double until) {
    char *used[256];
    for (size_t i = 0; i < n; i++) {
        used[i] = memset(malloc(65536), 1, 65536);
    }
    while (n == 256 && now() < until) {
    }
    for (size_t i = 0; i < n; i++) {
        free(used[i]);
    }
}

int
main(int argc, char **argv) {
    int acted = 0, late = 0;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    /* The file returns a policy; called, it returns the function that makes a step, and one that undoes it all. */
    if (luaL_dofile(L, argc > 1 ? argv[1] : "frame_budget.lua") != LUA_OK || lua_pcall(L, 0, 2, 0) != LUA_OK) {
        fprintf(stderr, "game: %s\n", lua_tostring(L, -1));
        return 1;
    }
    for (int frame = 0; frame < 60; frame++, lua_pop(L, 1)) {
        double end = now() + 0.016;
        bool level = frame % 20 == 5;
        play(level ? 256 : 16, end);
        lua_pushvalue(L, -2);
        lua_pushnumber(L, end - now());
        if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
            printf("frame %d: %s\n", frame, lua_tostring(L, -1));
            acted++, late += level;
        }
    }
    printf("memory was given back in %d of 60 frames, and in %d that had no time left\n", acted, late);
    lua_close(L);
    return acted == 0 || late > 0;
}

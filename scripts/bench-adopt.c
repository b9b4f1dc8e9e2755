/*
 * bench-adopt.c -- a host of Lua for scripts/bench-adopt: bench-adopt plain|newstate|adopt FILE [ARG...]
 *
 * Runs the file in a state as luaL_newstate() makes it, in one on a meter, or in one that is moved to a meter. Prints
 * seconds of the processor that the file took, the process's peak of resident memory in KiB, and page faults meanwhile.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lunalloc_lua.h"

static double
processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static lua_State *
make_state(const char *mode) {
    lua_State *L = strcmp(mode, "newstate") == 0 ? lunalloc_lua_newstate(NULL) : luaL_newstate();
    if (L != NULL) {
        luaL_openlibs(L);
    }
    return L;
}

static int
fail(const char *what) {
    fprintf(stderr, "bench-adopt: %s\n", what);
    return 1;
}

static void
push_arguments(lua_State *L, int argc, char **argv) {
    lua_createtable(L, argc, 0);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

int
main(int argc, char **argv) {
    struct rusage before, after;
    char message[256];
    lua_State *L = argc < 3 ? NULL : make_state(argv[1]);
    if (L == NULL) {
        return fail("no state; usage: bench-adopt plain|newstate|adopt FILE [ARG...]");
    }
    if (strcmp(argv[1], "adopt") == 0 && lunalloc_lua_adopt(L, NULL, message, sizeof(message)) == NULL) {
        return fail(message);
    }
    push_arguments(L, argc - 2, argv + 2);
    getrusage(RUSAGE_SELF, &before);
    double start = processor_seconds();
    if (luaL_dofile(L, argv[2]) != LUA_OK) {
        return fail(lua_tostring(L, -1));
    }
    double seconds = processor_seconds() - start;
    getrusage(RUSAGE_SELF, &after);
    printf("%.6f %ld %ld\n", seconds, after.ru_maxrss, after.ru_minflt - before.ru_minflt);
    lua_close(L);
    return 0;
}

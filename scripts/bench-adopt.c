/*
 * bench-adopt.c -- a host of Lua for scripts/bench-adopt.
 *
 *   bench-adopt plain|newstate|adopt FILE [ARG...]   runs the file in a state as luaL_newstate() makes it, in one on a
 *                                                    meter, or in one that is moved to a meter. Prints seconds of the
 *                                                    processor that the file took, the process's peak of resident
 *                                                    memory in KiB, and page faults meanwhile
 *   bench-adopt states plain|new|shared              makes 1,000 states of 256 KiB and closes them. Prints resident KiB
 *                                                    of each; milliseconds that closing took; and per cent of the
 *                                                    memory that remains
 *   bench-adopt events                               allocates and frees blocks of a meter. Prints the nanoseconds of
 *                                                    the processor that one of both takes
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

/* ---- many states ---- */

enum {
    NSTATES = 1000
};

static const char fill[] = "kept = {} local i = 0 while collectgarbage('count') < 256 do i = i + 1 "
                           "kept[i] = { i, ('x'):rep(i % 50) .. i } "
                           "if i % 10 == 0 then kept[i].f = function() return i end end end";

static double
resident_kib(void) {
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "Rss: %lf", &kib);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static lua_State *
filled_state(const char *kind) {
    lunalloc_lua_options_t options = {.place = strcmp(kind, "new") == 0 ? LUNALLOC_LUA_NEW : LUNALLOC_LUA_SHARED};
    lua_State *L = strcmp(kind, "plain") == 0 ? luaL_newstate() : lunalloc_lua_newstate(&options);
    if (L != NULL) {
        luaL_openlibs(L);
        (void)!luaL_dostring(L, fill);
    }
    return L;
}

static int
run_states(const char *kind) {
    static lua_State *states[NSTATES];
    lua_close(filled_state(kind));
    double before = resident_kib();
    for (int i = 0; i < NSTATES; i++) {
        states[i] = filled_state(kind);
    }
    double full = resident_kib(), start = processor_seconds();
    for (int i = 0; i < NSTATES; i++) {
        lua_close(states[i]);
    }
    double seconds = processor_seconds() - start;
    printf("%.1f %.1f %.2f\n", (full - before) / NSTATES, seconds * 1e3,
           (resident_kib() - before) / (full - before) * 100);
    return 0;
}

/* ---- single calls ---- */

enum {
    NEVENTS = 20000000,
    NBLOCKS = 1000 /* at a time */
};

static int
run_events(void) {
    static void *blocks[NBLOCKS];
    lunalloc_meter_t *meter = lunalloc_meter_new(NULL, NULL, 0);
    if (meter == NULL) {
        return fail("no meter");
    }
    double start = processor_seconds();
    for (int i = 0; i < NEVENTS / 2; i++) {
        void **block = &blocks[i % NBLOCKS];
        size_t size = i % 2 ? 56 : 40;
        if (*block != NULL) {
            lunalloc_lua_alloc(meter, *block, size, 0);
        }
        *block = lunalloc_lua_alloc(meter, NULL, i % 2 ? LUA_TTABLE : LUA_TFUNCTION, size);
    }
    printf("%.3f\n", (processor_seconds() - start) / NEVENTS * 1e9);
    return 0;
}

int
main(int argc, char **argv) {
    struct rusage before, after;
    char message[256];
    if (argc == 3 && strcmp(argv[1], "states") == 0) {
        return run_states(argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "events") == 0) {
        return run_events();
    }
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

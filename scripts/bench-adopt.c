/*
 * bench-adopt.c -- a host of Lua for scripts/bench-adopt.
 *
 *   bench-adopt plain|newstate|adopt|least FILE [ARG...]   runs the file in a state as luaL_newstate() makes it, in one
 *                                                    on a meter, in one that is moved to a meter, or in one whose
 *                                                    allocator does the least that one can do. Prints seconds of the
 *                                                    processor that the file took, the process's peak of resident
 *                                                    memory in KiB, page faults meanwhile, and KiB of the peak that
 *                                                    are no pages of files
 *   bench-adopt states plain|new|shared              makes 1,000 states of 256 KiB and closes them. Prints resident KiB
 *                                                    of each; milliseconds that closing took; and per cent of the
 *                                                    memory that remains
 *   bench-adopt events                               allocates and frees blocks of a meter. Prints the nanoseconds of
 *                                                    the processor that one of both takes
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
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

/* A figure of a file of /proc/self: what follows the name. */
static double
kib_of(const char *path, const char *name) {
    char line[256];
    double kib = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL) {
        kib = strncmp(line, name, strlen(name)) == 0 ? strtod(line + strlen(name), NULL) : 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static double
resident_kib(void) {
    return kib_of("/proc/self/smaps_rollup", "Rss:");
}

/* ---- the least that an allocator can do ---- */

/*
 * A list of free blocks for each size up to LEAST_MAX, and memory that has been touched before. No limit, no accounts,
 * no memory that is given back. No allocator with free lists is much faster: what a program gains on it over malloc is
 * the most that it can gain.
 */
enum {
    LEAST_MAX = 1024,
    LEAST_ROOM = 192 << 20
};

static struct free_block { struct free_block *next; } * least_lists[LEAST_MAX / 8 + 1];
static char *least_at, *least_end;

static void *
least_new(size_t size) {
    size_t bin = (size + 7) / 8;
    struct free_block *block = size <= LEAST_MAX ? least_lists[bin] : NULL;
    if (block != NULL) {
        least_lists[bin] = block->next;
        return block;
    } else if (size > LEAST_MAX || (size_t)(least_end - least_at) < bin * 8) {
        return size > LEAST_MAX ? malloc(size) : NULL;
    }
    least_at += bin * 8;
    return least_at - bin * 8;
}

static void
least_free(void *block, size_t size) {
    if (size > LEAST_MAX) {
        free(block);
    } else if (block != NULL) {
        *(struct free_block *)block = (struct free_block){least_lists[(size + 7) / 8]};
        least_lists[(size + 7) / 8] = block;
    }
}

static void *
least_alloc(void *context, void *block, size_t old_size, size_t size) {
    (void)context;
    if (size == 0) {
        least_free(block, old_size);
        return NULL;
    } else if (block == NULL) {
        return least_new(size);
    } else if (old_size > LEAST_MAX && size > LEAST_MAX) {
        return realloc(block, size);
    }
    void *moved = least_new(size);
    if (moved != NULL) {
        memcpy(moved, block, old_size < size ? old_size : size);
        least_free(block, old_size);
    }
    return moved;
}

static lua_State *
least_state(void) {
    least_at = malloc(LEAST_ROOM);
    least_end = least_at == NULL ? NULL : least_at + LEAST_ROOM;
    return least_at == NULL || memset(least_at, 1, LEAST_ROOM) == NULL ? NULL : lua_newstate(least_alloc, NULL);
}

/* ---- one state ---- */

static lua_State *
make_state(const char *mode) {
    lua_State *L = strcmp(mode, "newstate") == 0 ? lunalloc_lua_newstate(NULL)
                   : strcmp(mode, "least") == 0  ? least_state()
                                                 : luaL_newstate();
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
        return fail("no state; usage: bench-adopt plain|newstate|adopt|least FILE [ARG...]");
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
    printf("%.6f %ld %ld %.0f\n", seconds, after.ru_maxrss, after.ru_minflt - before.ru_minflt,
           (double)after.ru_maxrss - kib_of("/proc/self/status", "RssFile:"));
    lua_close(L);
    return 0;
}

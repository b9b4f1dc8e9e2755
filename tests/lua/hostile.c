/*
 * hostile.c -- a Lua host that makes things hard for the module. It runs the tests of tests/lua/hostile/ (or the files
 * that it is given) under the harness, in a state whose memory is watched:
 *
 *   - freed memory is overwritten at once and kept for a while, so who reads it reads nonsense, and who writes to it is
 *     found out when it is really freed; every realloc moves;
 *   - allocations fail from the n-th on, where a test asks for it.
 *
 * The tests find these functions in the global table `hostile`:
 *
 *   attempt(n, f, ...)   pcall(f, ...) with n allocations that succeed: whether more were asked for, pcall's results
 *   attempt_one(n, ...)  the same, but only the one after these fails: Lua collects all garbage, and tries again
 *   limit([bytes])       lets the meter of the state allocate that many bytes more
 *   resources()          blocks of malloc that are not Lua's; open files; threads
 *   fork(f, ...)         f in a child of fork, which then closes the state; "exit 0", "signal 14"
 *   state(code, ...)     runs code in a state of its own, and closes it; true, or nil and a message
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <lunalloc_lua.h>
#include <lunalloc_lua.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KEPT = 1 << 14,
    FREED = 0xdd,
    CHILD_SECONDS = 100
};

/* ---- memory ---- */

/* The C library's own functions, under the names that its malloc and free have besides. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* A ring of freed blocks. */
static struct {
    unsigned char *block;
    size_t size;
} kept[KEPT];
static size_t nfreed;

static long allowed = -1; /* allocations that may still succeed; -1: all */
static bool only_one;     /* after one refusal all succeed again */
static bool refused;

/* Live blocks of malloc that are not Lua's: those of the module, and of the C library. */
static atomic_long others;

static void
really_free(unsigned char *block, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (block[i] != FREED) {
            fprintf(stderr, "FAILED: byte %zu of %zu bytes was written after they were freed\n", i, size);
            abort();
        }
    }
    __libc_free(block);
}

static void
retire(void *block, size_t size) {
    if (block != NULL) {
        size_t place = nfreed++ % KEPT;
        if (kept[place].block != NULL) {
            really_free(kept[place].block, kept[place].size);
        }
        memset(block, FREED, size);
        kept[place].block = block;
        kept[place].size = size;
    }
}

/* Shrinking never fails, as Lua may assume. */
static bool
refuse(const void *old, size_t old_size, size_t size) {
    if (allowed < 0 || (old != NULL && size <= old_size)) {
        return false;
    }
    if (allowed == 0) {
        refused = true;
        allowed = only_one ? -1 : 0;
        return true;
    }
    allowed--;
    return false;
}

static void *
allocate(void *opaque, void *old, size_t old_size, size_t size) {
    (void)opaque;
    if (size != 0 && refuse(old, old_size, size)) {
        return NULL;
    }
    void *block = size == 0 ? NULL : __libc_malloc(size);
    if (block != NULL && old != NULL) {
        memcpy(block, old, old_size < size ? old_size : size);
    }
    if (block != NULL || size == 0) {
        retire(old, old_size);
    }
    return block;
}

/* ---- malloc, which counts the blocks of all but Lua ---- */

static void *
counted(void *block) {
    others += block != NULL;
    return block;
}

void *
malloc(size_t size) {
    return counted(__libc_malloc(size));
}

void *
calloc(size_t n, size_t size) {
    return counted(__libc_calloc(n, size));
}

void *
aligned_alloc(size_t alignment, size_t size) {
    return counted(__libc_memalign(alignment, size));
}

int
posix_memalign(void **block, size_t alignment, size_t size) {
    *block = counted(__libc_memalign(alignment, size));
    return *block != NULL ? 0 : ENOMEM;
}

void
free(void *block) {
    others -= block != NULL;
    __libc_free(block);
}

void *
realloc(void *block, size_t size) {
    void *moved = __libc_realloc(block, size);
    if (block == NULL) {
        counted(moved);
    } else if (moved == NULL && size == 0) {
        others--;
    }
    return moved;
}

/* ---- what tests can do ---- */

/* A state that has a meter allocates from that: it may take 16 n bytes more. Returns how often it has failed. */
static uint64_t
limit_meter(lunalloc_meter_t *meter, size_t n) {
    lunalloc_meter_stats_t stats;
    lunalloc_meter_stats(meter, &stats);
    lunalloc_meter_set_limit(meter, stats.allocated + stats.foreign + 16 * n);
    return stats.failures;
}

static uint64_t
lift_limit(lunalloc_meter_t *meter) {
    lunalloc_meter_stats_t stats;
    lunalloc_meter_set_limit(meter, 0);
    lunalloc_meter_stats(meter, &stats);
    return stats.failures;
}

static int
try_with(lua_State *L, bool one) {
    lua_Integer n = luaL_checkinteger(L, 1);
    lua_remove(L, 1);
    luaL_checkstack(L, 100, NULL);
    refused = false;
    only_one = one;
    lunalloc_meter_t *meter = lunalloc_lua_meter(L);
    uint64_t failures = meter != NULL ? limit_meter(meter, (size_t)n) : 0;
    allowed = meter == NULL ? (long)n : -1;
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    allowed = -1;
    if (meter != NULL) {
        refused = lift_limit(meter) > failures;
    }
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    lua_pushboolean(L, refused);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int
attempt(lua_State *L) {
    return try_with(L, false);
}

static int
attempt_one(lua_State *L) {
    return try_with(L, true);
}

/* Entries of a directory of /proc. */
static int
count_entries(const char *path) {
    DIR *directory = opendir(path);
    int n = 0;
    while (directory != NULL && readdir(directory) != NULL) {
        n++;
    }
    closedir(directory);
    return n;
}

static int
resources(lua_State *L) {
    lua_pushinteger(L, others);
    lua_pushinteger(L, count_entries("/proc/self/fd"));
    lua_pushinteger(L, count_entries("/proc/self/task"));
    return 3;
}

static _Noreturn void
child(lua_State *L) {
    alarm(CHILD_SECONDS); /* only against hanging */
    bool ok = lua_pcall(L, lua_gettop(L) - 1, 0, 0) == LUA_OK;
    if (!ok) {
        fprintf(stderr, "child: %s\n", lua_tostring(L, -1));
    }
    lua_close(L);
    fflush(stdout);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int
do_fork(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    fflush(stdout);
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        child(L);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return luaL_error(L, "no child");
    }
    lua_pushfstring(L, WIFEXITED(status) ? "exit %d" : "signal %d",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 1;
}

static void open_host(lua_State *L);

static int
run_state(lua_State *L) {
    char problem[256] = "no memory for a state";
    size_t size;
    const char *code = luaL_checklstring(L, 1, &size);
    lua_State *other = lua_newstate(allocate, NULL);
    bool ok = other != NULL;
    if (ok) {
        open_host(other);
        ok = luaL_loadbuffer(other, code, size, "=state") == LUA_OK && lua_pcall(other, 0, 0, 0) == LUA_OK;
        snprintf(problem, sizeof(problem), "%s", ok ? "" : lua_tostring(other, -1));
        lua_close(other);
    }
    lua_pushboolean(L, ok);
    lua_pushstring(L, problem);
    return 2;
}

/* ---- the host ---- */

static void
open_host(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"attempt", attempt}, {"attempt_one", attempt_one}, {"resources", resources},
        {"fork", do_fork},    {"state", run_state},         {NULL, NULL},
    };
    luaL_openlibs(L);
    luaL_newlib(L, functions);
    lua_setglobal(L, "hostile");
}

/* arg = { [0] = the harness, the files } */
static void
set_arguments(lua_State *L, const char *const *files) {
    lua_newtable(L);
    lua_pushliteral(L, "tests/lua/run.lua");
    lua_rawseti(L, -2, 0);
    for (lua_Integer i = 0; files[i] != NULL; i++) {
        lua_pushstring(L, files[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setglobal(L, "arg");
}

int
main(int argc, char **argv) {
    static const char *const all[] = {"tests/lua/hostile/freed_test.lua",  "tests/lua/hostile/memory_test.lua",
                                      "tests/lua/hostile/fork_test.lua",   "tests/lua/hostile/every_test.lua",
                                      "tests/lua/hostile/random_test.lua", NULL};
    lua_State *L = lua_newstate(allocate, NULL);
    if (L == NULL) {
        return EXIT_FAILURE;
    }
    open_host(L);
    set_arguments(L, argc > 1 ? (const char *const *)argv + 1 : all);
    if (luaL_dofile(L, "tests/lua/run.lua") != LUA_OK) { /* it ends the process itself */
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    }
    return EXIT_FAILURE;
}

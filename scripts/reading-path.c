/*
 * reading-path.c -- the operations of scripts/reading-path, each between two of callgrind's dumps. Built twice:
 *
 *   program    runs malloc and free, one operation after the other
 *   module     a Lua module, "reading_path": a script calls begin() before an operation and finish(NAME) after it
 */
#include <stdlib.h>
#include <valgrind/callgrind.h>

#define NBLOCKS 3000
#define SIZE    64
#define WARM    64

static void *blocks[NBLOCKS];

static void
begin(void) {
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
}

#define FINISH(name)                                                                                                   \
    do {                                                                                                               \
        CALLGRIND_TOGGLE_COLLECT;                                                                                      \
        CALLGRIND_DUMP_STATS_AT(name);                                                                                 \
    } while (0)

#ifdef READING_PATH_MODULE
#include <lauxlib.h>

static int
module_begin(lua_State *L) {
    (void)L;
    begin();
    return 0;
}

static int
module_finish(lua_State *L) {
    FINISH(luaL_checkstring(L, 1));
    return 0;
}

int
luaopen_reading_path(lua_State *L) {
    static const luaL_Reg functions[] = {{"begin", module_begin}, {"finish", module_finish}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
#else

static void
fill(void) {
    for (size_t i = 0; i < NBLOCKS; i++) {
        blocks[i] = malloc(SIZE);
    }
}

static void
drain(void) {
    for (size_t i = 0; i < NBLOCKS; i++) {
        free(blocks[i]);
    }
}

/* Afterwards the thread's cache holds some blocks of 16 bytes, and has room for more. */
static void
warm_up(void) {
    for (size_t i = 0; i < WARM; i++) {
        blocks[i] = malloc(16);
    }
    for (size_t i = 0; i < WARM / 2; i++) {
        free(blocks[i]);
    }
}

int
main(void) {
    warm_up();
    begin();
    void *block = malloc(16);
    FINISH("malloc(16), hit");
    begin();
    free(block);
    FINISH("free, hit");
    begin();
    fill();
    FINISH("3,000 mallocs with fills");
    begin();
    drain();
    FINISH("3,000 frees with flushes");
    begin();
    block = malloc((size_t)1 << 20);
    FINISH("malloc(1 MiB)");
    free(block);
    return 0;
}
#endif

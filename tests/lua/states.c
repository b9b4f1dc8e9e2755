/*
 * states.c -- many lua_States on many threads, each with its own copy of the module's Lua side, over one allocator.
 *
 * Every thread opens a state, requires the module, works with it and closes it, several times over. LUA_PATH and
 * LUA_CPATH say where the module is.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NTHREADS = 8,
    NROUNDS = 5
};

static const char script[] =
    "local thread, round = ...\n"
    "local la = require 'lunalloc'\n"
    "assert(la.loaded, require('lunalloc.core').reason)\n"
    "local keep = {}\n"
    "for i = 1, 50 do keep[i] = assert(la.buffer(i * 100 * thread)):fill(thread) end\n"
    "local before = la.stats()\n"
    "local n = 0\n"
    "for extent in la.extents() do\n"
    "    n = n + 1\n"
    "    if n == 500 then break end\n"
    "end\n"
    "assert(n > 0)\n"
    "for i = 1, 50 do assert(la.find(keep[i]).allocated) end\n"
    "local arena = assert(la.arena.create { dirty_decay_ms = 1000 + thread })\n"
    "assert(la.ctl.arena[arena.index].dirty_decay_ms == 1000 + thread)\n"
    "do\n"
    "    local _ <close> = assert(la.with { ['arena.' .. arena.index .. '.dirty_decay_ms'] = round })\n"
    "    assert(la.get('arena.' .. arena.index .. '.dirty_decay_ms') == round)\n"
    "end\n"
    "assert(la.ctl.arena[arena.index].dirty_decay_ms == 1000 + thread)\n"
    "assert(not pcall(function() return la.ctl.arena[0].no_such_control end))\n"
    "assert((la.stats() - before).seconds > 0)\n"
    "for name in la.names() do assert(la.describe(name)) end\n"
    "assert(arena:destroy())\n";

typedef struct {
    int thread;
    int failures;
} job_t;

static bool
run_round(int thread, int round) {
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fprintf(stderr, "thread %d: no memory for a lua_State\n", thread);
        return false;
    }
    luaL_openlibs(L);
    bool ok = luaL_loadbuffer(L, script, sizeof(script) - 1, "=script") == LUA_OK;
    if (ok) {
        lua_pushinteger(L, thread);
        lua_pushinteger(L, round);
        ok = lua_pcall(L, 2, 0, 0) == LUA_OK;
    }
    if (!ok) {
        fprintf(stderr, "FAILED: thread %d, round %d: %s\n", thread, round, lua_tostring(L, -1));
    }
    lua_close(L);
    return ok;
}

static void *
run(void *argument) {
    job_t *job = argument;
    for (int round = 1; round <= NROUNDS; round++) {
        job->failures += !run_round(job->thread, round);
    }
    return NULL;
}

int
main(void) {
    pthread_t threads[NTHREADS];
    job_t jobs[NTHREADS];
    int failures = 0;
    for (int i = 0; i < NTHREADS; i++) {
        jobs[i] = (job_t){.thread = i + 1};
        if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) {
            perror("pthread_create");
            return EXIT_FAILURE;
        }
    }
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += jobs[i].failures;
    }
    printf("%d passed, %d failed\n", NTHREADS * NROUNDS - failures, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

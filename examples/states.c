/*
 * states.c -- a host with 8 Lua states on 4 threads. Each has an arena and a limit of its own: one that runs out of
 * memory harms no other, and goes on itself.
 *
 *   cc states.c $(pkg-config --cflags --libs lunalloc-lua lua5.4) -pthread -o states && ./states
 */
#include <lauxlib.h>
#include <lualib.h>
#include <lunalloc_lua.h>

#include <pthread.h>
#include <stdio.h>

static char reports[8][200]; /* a line for each state */

/* Keeps that many MiB of strings. Returns "done", or why it failed. */
static const char *
keep(lua_State *L, int mib) {
    lua_settop(L, 0);
    luaL_loadstring(L, "local kept = {} for i = 1, 1024 * ... do kept[i] = ('x'):rep(1000) .. i end return 'done'");
    lua_pushinteger(L, mib);
    lua_pcall(L, 1, 1, 0);
    return lua_tostring(L, -1);
}

/* State i keeps i MiB, and may have 4; then 1 MiB. */
static void
serve(int i) {
    lunalloc_meter_stats_t stats;
    lunalloc_lua_options_t options = {.limit = 4 << 20};
    lua_State *L = lunalloc_lua_newstate(&options);
    luaL_openlibs(L);
    int len = snprintf(reports[i], sizeof reports[i], "state %d: %d MiB %s", i, i, keep(L, i));
    lunalloc_meter_stats(lunalloc_lua_meter(L), &stats);
    snprintf(reports[i] + len, sizeof reports[i] - (size_t)len, ", at most %.1f MiB in arena %u; then 1 MiB %s",
             (double)stats.peak / (1 << 20), stats.arena, keep(L, 1));
    lua_close(L); /* gives the arena back */
}

static void *
serve_two(void *first) {
    serve((int)(intptr_t)first);
    serve((int)(intptr_t)first + 1);
    return NULL;
}

int
main(void) {
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, serve_two, (void *)(2 * i));
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        printf("%s\n%s\n", reports[2 * i], reports[2 * i + 1]);
    }
    return 0;
}

/*
 * corpus.c -- runs the programs of tests/corpus/ (or the files that it is given) in Lua states whose memory comes from
 * different allocators, and compares what they print, byte for byte.
 *
 * Each run has a state of its own, which is closed at the end: what finalizers print then is part of the output. The
 * first run of a program, on the C library's malloc, says what it prints; each other run must print the same. After
 * each run there are as many arenas as before: the state has given back all that it had.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <lunalloc_lua.h>

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watcher.h"

/* ---- what a program prints ---- */

typedef struct {
    char *bytes;
    size_t n, capacity;
} text_t;

static void
append(text_t *text, const char *bytes, size_t n) {
    if (text->n + n > text->capacity) {
        text->capacity = 2 * (text->n + n);
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) {
            abort();
        }
    }
    memcpy(text->bytes + text->n, bytes, n);
    text->n += n;
}

/* print(...), into the text that is the upvalue. */
static int
print_to_text(lua_State *L) {
    text_t *text = lua_touserdata(L, lua_upvalueindex(1));
    int n = lua_gettop(L);
    for (int i = 1; i <= n; i++) {
        size_t size;
        const char *bytes = luaL_tolstring(L, i, &size);
        append(text, "\t", i > 1);
        append(text, bytes, size);
        lua_pop(L, 1);
    }
    append(text, "\n", 1);
    return 0;
}

/* Warnings, which are off until the program switches them on, as in luaL_newstate()'s states. */
static bool warnings_on;

static void
warn_to_text(void *opaque, const char *message, int to_be_continued) {
    if (message[0] == '@') {
        warnings_on = strcmp(message, "@on") == 0;
    } else if (warnings_on) {
        append(opaque, message, strlen(message));
        append(opaque, "\n", !to_be_continued);
    }
}

/* ---- the ways to run a program ---- */

typedef struct {
    const char *name;
    const char *before; /* code that runs first; what it returns lives as long as the state */
    const char *amid;   /* code that runs once, after `after` instructions of the program */
    int after;
    bool made; /* by lunalloc_lua_newstate(), not by luaL_newstate() */
} way_t;

#define GENERATIONAL "collectgarbage 'generational' "
#define ADOPT        "return assert(require 'lunalloc'.adopt "

static const way_t ways[] = {
    {.name = "plain"},
    {.name = "plain, generational", .before = GENERATIONAL},
    {.name = "made on a meter", .made = true},
    {.name = "made on a meter, generational", .before = GENERATIONAL, .made = true},
    {.name = "adopted", .before = ADOPT "{ arena = 'new' })"},
    {.name = "adopted, generational", .before = GENERATIONAL ADOPT "{ arena = 'new' })"},
    {.name = "adopted, into arena 0", .before = ADOPT "{ arena = 0 })"},
    {.name = "adopted, into the shared arena", .before = ADOPT "{ arena = 'shared' })"},
    {.name = "adopted, with limits",
     .before = ADOPT "{ arena = 'new', limit = '512M', soft = '1M', on_soft = function() end })"},
    {.name = "adopted while it runs", .amid = ADOPT "{ arena = 'new' })", .after = 7000},
    {.name = "adopted while it runs, generational",
     .before = GENERATIONAL,
     .amid = ADOPT "{ arena = 'new' })",
     .after = 7000},
    {.name = "adopted, and closed while it runs",
     .before = "meter = assert(require 'lunalloc'.adopt { arena = 'new' })",
     .amid = "meter:close() meter = nil",
     .after = 7000},
};

enum {
    NWAYS = sizeof(ways) / sizeof(*ways)
};

/* Runs the code, and keeps what it returns in the registry. */
static bool
run_code(lua_State *L, const char *code) {
    bool ok = luaL_loadstring(L, code) == LUA_OK && lua_pcall(L, 0, 1, 0) == LUA_OK;
    if (ok) {
        luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return ok;
}

static const char *pending; /* the code that is to run amid the program */

/* The hook is inherited by coroutines, and the first one that gets there runs the code. */
static void
run_amid(lua_State *L, lua_Debug *record) {
    (void)record;
    const char *code = pending;
    lua_sethook(L, NULL, 0, 0);
    pending = NULL;
    if (code != NULL && !run_code(L, code)) {
        lua_error(L);
    }
}

static bool
run_in(lua_State *L, const way_t *way, const char *file) {
    if (way->before != NULL && !run_code(L, way->before)) {
        return false;
    }
    if (luaL_loadfile(L, file) != LUA_OK) {
        return false;
    }
    pending = way->amid;
    if (pending != NULL) {
        lua_sethook(L, run_amid, LUA_MASKCOUNT, way->after);
    }
    bool ok = lua_pcall(L, 0, 0, 0) == LUA_OK;
    lua_sethook(L, NULL, 0, 0);
    return ok;
}

/* Runs the program in that way, in a new state, and closes it. What it prints is appended to the text. */
static bool
run_program(const way_t *way, const char *file, text_t *text) {
    lua_State *L = way->made ? lunalloc_lua_newstate(NULL) : luaL_newstate();
    if (L == NULL) {
        return false;
    }
    luaL_openlibs(L);
    warnings_on = false;
    lua_setwarnf(L, warn_to_text, text);
    lua_pushlightuserdata(L, text);
    lua_pushcclosure(L, print_to_text, 1);
    lua_setglobal(L, "print");
    bool ok = run_in(L, way, file);
    if (!ok) {
        fprintf(stderr, "%s, %s: %s\n", file, way->name, luaL_tolstring(L, -1, NULL));
    }
    lua_close(L);
    return ok;
}

/* ---- the watcher: a state that counts arenas and threads ---- */

static lua_Integer
count_arenas(lua_State *watcher) {
    return ask(watcher, "return #require 'lunalloc'.arenas()");
}

/* ---- comparing ---- */

static int passed, failed;

static void
judge(bool ok, const char *file, const char *way, const char *what) {
    passed += ok;
    failed += !ok;
    if (!ok) {
        printf("FAILED: %s, %s: %s\n", file, way, what);
    }
}

/* Shows the first line in which they differ. */
static void
show_difference(const text_t *wanted, const text_t *got) {
    size_t n = wanted->n < got->n ? wanted->n : got->n, i = 0, line = 0;
    for (; i < n && wanted->bytes[i] == got->bytes[i]; i++) {
        line = wanted->bytes[i] == '\n' ? i + 1 : line;
    }
    printf("wanted: %.*s\ngot:    %.*s\n", (int)strcspn(wanted->bytes + line, "\n"), wanted->bytes + line,
           (int)strcspn(got->bytes + line, "\n"), got->bytes + line);
}

static void
compare(lua_State *watcher, const way_t *way, const char *file, const text_t *wanted) {
    text_t text = {NULL, 0, 0};
    lua_Integer arenas = count_arenas(watcher);
    bool ran = run_program(way, file, &text);
    append(&text, "", 1);
    bool same = text.n == wanted->n && memcmp(text.bytes, wanted->bytes, text.n) == 0;
    judge(ran, file, way->name, "does not end well");
    judge(same, file, way->name, "prints something else");
    judge(count_arenas(watcher) == arenas, file, way->name, "leaves an arena");
    if (ran && !same) {
        show_difference(wanted, &text);
    }
    free(text.bytes);
}

static void
run_file(lua_State *watcher, const char *file) {
    text_t wanted = {NULL, 0, 0};
    bool ran = run_program(&ways[0], file, &wanted);
    append(&wanted, "", 1);
    judge(ran && wanted.n > 100, file, ways[0].name, "does not end well");
    for (int i = 1; i < NWAYS; i++) {
        compare(watcher, &ways[i], file, &wanted);
    }
    free(wanted.bytes);
}

int
main(int argc, char **argv) {
    glob_t found = {0};
    lua_State *watcher = luaL_newstate();
    if (watcher == NULL || glob("tests/corpus/*.lua", 0, NULL, &found) != 0) {
        fprintf(stderr, "no programs\n");
        return EXIT_FAILURE;
    }
    luaL_openlibs(watcher);
    /* The shared arena, once made, stays. */
    ask(watcher, ADOPT "{ arena = 'shared' }):close() and 0");
    char **files = argc > 1 ? argv + 1 : found.gl_pathv;
    for (; *files != NULL; files++) {
        run_file(watcher, *files);
    }
    globfree(&found);
    lua_close(watcher);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

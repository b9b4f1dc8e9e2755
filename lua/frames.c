/*
 * frames.c -- Lua functions and lines in the stacks of the heap profiler: la.prof.start{lua = true}.
 *
 * Each state that asks for it gets a wrapper around its allocation function, which notes, for the thread, that this
 * state allocates now. The profiler calls add_frames() with each stack that it captures; for such an allocation the
 * frames of Lua's own code, from the allocator out to the outermost call into Lua, are replaced by the functions that
 * run in the state. Without a sample the wrapper costs some nanoseconds; a state that has not asked pays nothing.
 *
 * What a library of C allocates while Lua calls it is not the state's allocation, and keeps its C frames.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr1 */
#endif
#include "frames.h"
#include "core.h"
#include "main_thread.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    LUA_FRAMES_MAX = 64
};

/* The wrapper of the state that allocates now on this thread. */
static __thread frames_t *current __attribute__((tls_model("initial-exec")));

/* ---- where C calls into Lua ---- */

typedef struct {
    uintptr_t start, end;
} code_t;

/* Written once, before add_frames() is called. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static code_t entries[3];

/* The code of a function; empty if its size is not known. */
static code_t
code_of(uintptr_t function) {
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (dladdr1((void *)function, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL) {
        return (code_t){0};
    }
    return (code_t){(uintptr_t)info.dli_saddr, (uintptr_t)info.dli_saddr + symbol->st_size};
}

static void
find_entries(void) {
    entries[0] = code_of((uintptr_t)lua_callk);
    entries[1] = code_of((uintptr_t)lua_pcallk);
    entries[2] = code_of((uintptr_t)lua_resume);
}

/* How many of the innermost frames belong to Lua: up to the outermost call into it. */
static uint32_t
inside_lua(const uintptr_t *ips, uint32_t n) {
    uint32_t inside = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); k++) {
            inside = ips[i] > entries[k].start && ips[i] <= entries[k].end ? i + 1 : inside;
        }
    }
    return inside;
}

/* A lunalloc_frames_t. */
static uint32_t
add_frames(uintptr_t *ips, uint32_t n) {
    uintptr_t words[LUA_FRAMES_MAX];
    const frames_t *frames = current;
    uint32_t added = frames != NULL ? frames_read(frames, words, LUA_FRAMES_MAX) : 0;
    if (added == 0) {
        return n;
    }
    uint32_t inside = inside_lua(ips, n);
    uint32_t rest = n - inside <= LUNALLOC_STACK_MAX - added ? n - inside : LUNALLOC_STACK_MAX - added;
    memmove(ips + added, ips + inside, rest * sizeof(*ips));
    memcpy(ips, words, added * sizeof(*ips));
    return added + rest;
}

/* ---- the wrapper ---- */

/* A lua_Alloc. The last block that a state frees is the one that it lies in. */
static void *
frames_alloc(void *context, void *block, size_t old_size, size_t size) {
    frames_t *frames = context;
    frames_t *outer = current;
    bool last = size == 0 && block != NULL && (uintptr_t)frames->main - (uintptr_t)block < old_size;
    frames->moved = block;
    frames->moved_size = block != NULL ? old_size : 0;
    current = frames;
    void *result = frames->alloc(frames->context, block, old_size, size);
    current = outer;
    if (last) {
        free(frames);
    }
    return result;
}

/* The state's wrapper, if it is its allocation function. */
static frames_t *
wrapper_of(lua_State *L) {
    void *context;
    return lua_getallocf(L, &context) == frames_alloc ? context : NULL;
}

/* In protected mode: all that can raise, before the state's function is replaced. */
static int
prepare(lua_State *L) {
    frames_t *frames = lua_touserdata(L, 1);
    frames_probe(L, frames);
    lua_pushlightuserdata(L, frames);
    lua_setfield(L, LUA_REGISTRYINDEX, FRAMES_KEY);
    return 0;
}

/* frames_start(): this state's functions are seen in profiles from now on; true, or nil, message, code */
static int
frames_start(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    if (api == NULL) {
        return core_not_loaded(L);
    }
    if (wrapper_of(L) == NULL) {
        frames_t *frames = calloc(1, sizeof(*frames));
        if (frames == NULL) {
            return core_fail(L, "ENOMEM", "not enough memory");
        }
        frames->main = main_thread(L);
        lua_pushcfunction(L, prepare);
        lua_pushlightuserdata(L, frames);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            free(frames);
            return lua_error(L);
        }
        pthread_once(&once, find_entries);
        frames->alloc = lua_getallocf(L, &frames->context);
        api->prof_frames(add_frames);
        lua_setallocf(L, frames_alloc, frames);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* frames_stop(): not any more. In Lua 5.5 strings can keep an allocation function, so its context stays. */
static int
frames_stop(lua_State *L) {
    frames_t *frames = wrapper_of(L);
    if (frames != NULL && LUA_VERSION_NUM < 505) {
        lua_pushnil(L);
        lua_setfield(L, LUA_REGISTRYINDEX, FRAMES_KEY);
        lua_setallocf(L, frames->alloc, frames->context);
        free(frames);
    }
    lua_pushboolean(L, true);
    return 1;
}

void
core_open_frames(lua_State *L) {
    static const luaL_Reg functions[] = {{"frames_start", frames_start}, {"frames_stop", frames_stop}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

/*
 * frames.h -- the wrapper around a state's allocation function while its functions are to be seen in profiles
 * (frames.c). For meter/lookup.c, which looks behind it.
 */
#ifndef LUNALLOC_LUA_FRAMES_H
#define LUNALLOC_LUA_FRAMES_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* The key in the registry of the state's wrapper, a light userdata: its frames_t. */
#define FRAMES_KEY "lunalloc.frames"

/* One state's wrapper: the context of its allocation function. */
typedef struct {
    lua_Alloc alloc; /* the function that is wrapped, and its context */
    void *context;
    lua_State *main;
    bool slots_known;  /* the stack's slots can be read (frames_read.c) */
    size_t upvalue;    /* bytes from a C function's object to its first upvalue */
    const void *moved; /* while it allocates: the block that may be moved, or NULL */
    size_t moved_size;
} frames_t;

/* frames_read.c: fills in what is known of the state's stack. Raises for lack of memory. */
void frames_probe(lua_State *L, frames_t *frames);
/* The functions that run in the state, innermost first, as words for a stack (lunalloc_prof_frame); how many. */
unsigned frames_read(const frames_t *frames, uintptr_t *words, unsigned max);

#endif

/*
 * collect.h -- text that the allocator's writers hand over in pieces, collected into one Lua string.
 *
 * Use it where a writer (emit.h, stats_write) runs in C, while the Lua stack holds other things: a luaL_Buffer needs
 * the top of the stack at each piece. The text is malloc's, so an error of Lua's between begin and push would leak it:
 * functions that can raise run in a protected call meanwhile.
 */
#ifndef LUNALLOC_LUA_COLLECT_H
#define LUNALLOC_LUA_COLLECT_H

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *text;
    size_t len, size;
    bool failed; /* out of memory */
} collected_t;

/* A lunalloc_write_t; `opaque` is a collected_t, which begins as zeros. */
void collected_piece(void *opaque, const char *piece);
void collected_bytes(collected_t *to, const void *bytes, size_t n);
/* Pushes the text, frees it, and returns 1. Raises, after it is freed, if Lua has no memory. */
int collected_push(lua_State *L, collected_t *from);
void collected_free(collected_t *from);

#endif

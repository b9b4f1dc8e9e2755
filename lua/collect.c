/* collect.c -- see collect.h. */
#include "collect.h"

#include <stdlib.h>
#include <string.h>

static bool
make_room(collected_t *to, size_t n) {
    if (to->len + n <= to->size) {
        return true;
    }
    size_t size = to->size * 2 + n + 4096;
    char *text = realloc(to->text, size);
    if (text == NULL) {
        to->failed = true;
        return false;
    }
    to->text = text;
    to->size = size;
    return true;
}

void
collected_bytes(collected_t *to, const void *bytes, size_t n) {
    if (n > 0 && !to->failed && make_room(to, n)) {
        memcpy(to->text + to->len, bytes, n);
        to->len += n;
    }
}

void
collected_piece(void *opaque, const char *piece) {
    collected_bytes(opaque, piece, strlen(piece));
}

/* Runs in protected mode, so that the caller can free the text after an error. */
static int
push_text(lua_State *L) {
    const collected_t *from = lua_touserdata(L, 1);
    lua_pushlstring(L, from->text, from->len);
    return 1;
}

int
collected_push(lua_State *L, collected_t *from) {
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, from);
    int status = lua_pcall(L, 1, 1, 0);
    collected_free(from);
    return status == LUA_OK ? 1 : lua_error(L);
}

void
collected_free(collected_t *from) {
    free(from->text);
    *from = (collected_t){0};
}

/*
 * buffer.c -- a block of the allocator that a Lua object owns, for experiments.
 *
 * A buffer frees its block when it is closed or collected, or by buffer:free(). Lua cannot read its contents, so a
 * buffer does not reveal data of a former owner of the memory.
 */
#include "core.h"

#include <string.h>

typedef struct {
    void *block;      /* NULL: freed */
    size_t size;      /* as requested */
    size_t alignment; /* 0: the allocator's own */
} buffer_t;

/* The buffer at 1, whose block is live; raises if it was freed. `call`: the public name of the method. */
static buffer_t *
check_live(lua_State *L, const char *call) {
    buffer_t *buffer = core_check_self(L, CORE_BUFFER, call);
    if (buffer->block == NULL) {
        luaL_error(L, "this buffer was freed");
    }
    return buffer;
}

bool
core_buffer_address(lua_State *L, int arg, const void **address) {
    const buffer_t *buffer = luaL_testudata(L, arg, CORE_BUFFER);
    *address = buffer == NULL ? NULL : buffer->block;
    return buffer != NULL;
}

/* An alignment of 0 leaves the choice to the allocator. */
static void *
allocate_block(const lunalloc_api_t *api, size_t size, size_t alignment) {
    return alignment == 0 ? api->malloc(size) : api->aligned_alloc(alignment, size);
}

static int
fail_memory(lua_State *L, size_t size) {
    return core_fail(L, "ENOMEM", "no block of %zu bytes is available", size);
}

/* 0, or 3 after pushing a failure. */
static int
check_alignment(lua_State *L, int arg, size_t *alignment) {
    size_t value;
    if (lua_type(L, arg) == LUA_TNUMBER && lua_tonumber(L, arg) <= 0) {
        value = 0;
    } else {
        int failed = core_to_size(L, "buffer", arg, arg, &value);
        if (failed != 0) {
            return failed;
        }
    }
    if (value == 0 || (value & (value - 1)) != 0) {
        return core_fail(L, "EINVAL", "bad alignment %s: a power of two is needed", luaL_tolstring(L, arg, NULL));
    }
    *alignment = value;
    return 0;
}

/* buffer(size[, alignment]) */
static int
buffer_new(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    size_t size, alignment = 0;
    int failed = core_to_size(L, "buffer", 1, 1, &size);
    if (failed == 0 && !lua_isnoneornil(L, 2)) {
        failed = check_alignment(L, 2, &alignment);
    }
    if (failed != 0) {
        return failed;
    }
    if (api == NULL) {
        return core_not_loaded(L);
    }
    buffer_t *buffer = lua_newuserdatauv(L, sizeof(*buffer), 0);
    *buffer = (buffer_t){.size = size, .alignment = alignment};
    luaL_setmetatable(L, CORE_BUFFER);
    buffer->block = allocate_block(api, size, buffer->alignment);
    return buffer->block != NULL ? 1 : fail_memory(L, size);
}

/* addr(): the address of the block, as an integer */
static int
buffer_addr(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)(uintptr_t)check_live(L, "buffer:addr")->block);
    return 1;
}

/* size(), #buffer: the requested bytes */
static int
buffer_size(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_live(L, "buffer:size")->size);
    return 1;
}

/* usable(): the bytes that the block really has: the size of its class */
static int
buffer_usable(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)loader_api()->usable_size(check_live(L, "buffer:usable")->block));
    return 1;
}

/* The argument as a byte: 0 to 255, or a string of one character. */
static int
check_byte(lua_State *L, int arg) {
    int integer = 0;
    lua_Integer byte = lua_tointegerx(L, arg, &integer);
    if (lua_type(L, arg) == LUA_TSTRING && lua_rawlen(L, arg) == 1) {
        return (unsigned char)lua_tostring(L, arg)[0];
    } else if (lua_type(L, arg) != LUA_TNUMBER && lua_type(L, arg) != LUA_TSTRING) {
        core_bad_type(L, "buffer:fill", 1, arg, "one character, or 0 to 255,");
    } else if (lua_type(L, arg) == LUA_TSTRING || !integer || byte < 0 || byte > 255) {
        core_bad_argument(L, "buffer:fill", 1, "one character, or 0 to 255, expected");
    }
    return (int)byte;
}

/* fill(byte): sets every byte of the requested size; returns the buffer */
static int
buffer_fill(lua_State *L) {
    buffer_t *buffer = check_live(L, "buffer:fill");
    int byte = check_byte(L, 2);
    memset(buffer->block, byte, buffer->size);
    lua_settop(L, 1);
    return 1;
}

/* realloc does not keep an alignment, and realloc(p, 0) may free, but a buffer of 0 bytes is still a buffer. */
static void *
resized_block(const lunalloc_api_t *api, const buffer_t *buffer, size_t size) {
    if (buffer->alignment == 0 && size != 0) {
        return api->realloc(buffer->block, size);
    }
    void *block = allocate_block(api, size, buffer->alignment);
    if (block != NULL) {
        memcpy(block, buffer->block, size < buffer->size ? size : buffer->size);
        api->free(buffer->block);
    }
    return block;
}

/* resize(size): the buffer; or nil, message, code, with the old block unchanged */
static int
buffer_resize(lua_State *L) {
    buffer_t *buffer = check_live(L, "buffer:resize");
    size_t size;
    int failed = core_to_size(L, "buffer:resize", 1, 2, &size);
    if (failed != 0) {
        return failed;
    }
    void *block = resized_block(loader_api(), buffer, size);
    if (block == NULL) {
        return fail_memory(L, size);
    }
    buffer->block = block;
    buffer->size = size;
    lua_settop(L, 1);
    return 1;
}

/* For __gc and __close: does nothing to a buffer that buffer:free() has freed. */
static int
buffer_release(lua_State *L) {
    buffer_t *buffer = luaL_checkudata(L, 1, CORE_BUFFER);
    void *block = buffer->block;
    buffer->block = NULL;
    if (block != NULL) {
        loader_api()->free(block);
    }
    return 0;
}

/* free(): frees the block; raises if it was freed already */
static int
buffer_free(lua_State *L) {
    check_live(L, "buffer:free");
    return buffer_release(L);
}

static int
buffer_tostring(lua_State *L) {
    const buffer_t *buffer = luaL_checkudata(L, 1, CORE_BUFFER);
    if (buffer->block == NULL) {
        lua_pushliteral(L, "buffer (freed)");
    } else {
        lua_pushfstring(L, "buffer: %p (%I bytes)", buffer->block, (LUAI_UACINT)buffer->size);
    }
    return 1;
}

void
core_open_buffer(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"addr", buffer_addr}, {"size", buffer_size}, {"usable", buffer_usable},
        {"fill", buffer_fill}, {"free", buffer_free}, {"resize", buffer_resize},
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__len", buffer_size}, {"__gc", buffer_release}, {"__close", buffer_release}, {"__tostring", buffer_tostring},
        {NULL, NULL},
    };
    core_new_type(L, CORE_BUFFER, metamethods, methods);
    lua_pushcfunction(L, buffer_new);
    lua_setfield(L, -2, "buffer");
}

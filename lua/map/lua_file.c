/* lua_file.c -- sets of extents in files, as Lua sees them. */
#include "map/map.h"
#include "map/map_file.h"

#include <errno.h>
#include <string.h>

enum {
    MESSAGE = 8192
};

/* save(path, header): true */
static int
save(lua_State *L) {
    size_t size;
    char message[MESSAGE] = "";
    const map_heap_t *heap = map_check_heap(L, 1, "save");
    const char *path = luaL_checkstring(L, 2), *header = luaL_checklstring(L, 3, &size);
    int error = map_file_write(path, header, size, &heap->set, &heap->residency, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* Protected: pushes the header of what was read. */
static int
push_header(lua_State *L) {
    const map_content_t *content = lua_touserdata(L, 1);
    lua_pushlstring(L, content->header, content->header_size);
    return 1;
}

/* load_extent_set(path): a set, and the header that it was saved with */
static int
load_extent_set(lua_State *L) {
    char message[MESSAGE] = "";
    map_content_t content;
    const char *path = luaL_checkstring(L, 1);
    map_heap_t *heap = map_push_heap(L);
    lua_pushcfunction(L, push_header);
    int error = map_file_read(path, &content, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    heap->set = content.set; /* the userdata owns both from here on */
    heap->residency = content.residency;
    lua_pushlightuserdata(L, &content);
    int status = lua_pcall(L, 1, 1, 0);
    content.set = (extent_set_t){0};
    content.residency = (residency_t){0};
    map_content_free(&content);
    return status == LUA_OK ? 2 : lua_error(L);
}

void
map_add_file_methods(lua_State *L) {
    static const luaL_Reg methods[] = {{"save", save}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}

void
core_open_extent_set(lua_State *L) {
    static const luaL_Reg functions[] = {{"load_extent_set", load_extent_set}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

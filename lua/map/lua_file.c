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

/* ---- drawn as they are read ---- */

enum {
    PICTURES = 3
};

/* What draw_extent_file() makes of extents. */
typedef struct {
    map_content_t *content;
    map_sums_t *sums;
    map_layout_t layout;
    uint64_t count;
    int npictures;
    map_keys_t keys[PICTURES];
    map_totals_t totals[PICTURES];
    map_picture_t pictures[PICTURES];
    char *cells[PICTURES];
} drawing_t;

static bool
begin_drawing(void *context, uint64_t extents) {
    drawing_t *drawing = context;
    drawing->count = extents;
    for (int i = 0; i < drawing->npictures; i++) {
        map_picture_begin(&drawing->pictures[i], &drawing->content->set, &drawing->content->residency,
                          &drawing->keys[i], &drawing->layout, drawing->cells[i], &drawing->totals[i]);
    }
    return true;
}

static bool
draw_batch(void *context, const extent_entry_t *batch, size_t n) {
    drawing_t *drawing = context;
    map_sums_add(drawing->sums, &drawing->content->set, batch, n);
    for (int i = 0; i < drawing->npictures; i++) {
        map_picture_add(&drawing->pictures[i], batch, n);
    }
    return true;
}

/* The arguments from 5 on: what is drawn. Keys that depend on the whole set are not possible. */
static void
prepare_pictures(lua_State *L, drawing_t *drawing, int last) {
    drawing->npictures = last - 4;
    for (int i = 0; i < drawing->npictures; i++) {
        map_by_t by = map_check_by(L, 5 + i);
        luaL_argcheck(L, by != MAP_BY_AGE && by != MAP_BY_ARENA, 5 + i, "not as it is read");
        drawing->keys[i] = (map_keys_t){.by = by, .only = LUNALLOC_ALL};
        drawing->cells[i] = lua_newuserdatauv(L, drawing->layout.ncells + 1, 0);
    }
}

/* Protected: pushes the header, how many extents there are, their sums, and of each picture its cells, and its bytes
 * and cells by key. */
static int
push_drawing(lua_State *L) {
    drawing_t *drawing = lua_touserdata(L, 1);
    luaL_checkstack(L, 3 * PICTURES + LUA_MINSTACK, NULL);
    lua_pushlstring(L, drawing->content->header, drawing->content->header_size);
    lua_pushinteger(L, (lua_Integer)drawing->count);
    map_push_sums(L, drawing->sums, &drawing->content->set);
    for (int i = 0; i < drawing->npictures; i++) {
        lua_pushlstring(L, drawing->cells[i], drawing->layout.ncells);
        map_push_totals(L, &drawing->totals[i]);
    }
    return 3 + 3 * drawing->npictures;
}

/* draw_extent_file(path, cell_bytes, ncells, {start, end, cell, ...}, by, ...): see push_drawing */
static int
draw_extent_file(lua_State *L) {
    char message[MESSAGE] = "";
    map_content_t content;
    int last = lua_gettop(L);
    const char *path = luaL_checkstring(L, 1);
    luaL_argcheck(L, last >= 5 && last < 5 + PICTURES, last, "one to three pictures expected");
    drawing_t *drawing = lua_newuserdatauv(L, sizeof(*drawing), 0);
    *drawing = (drawing_t){.content = &content, .sums = map_new_sums(L)};
    map_check_layout(L, 2, &drawing->layout);
    prepare_pictures(L, drawing, last);
    const map_sink_t sink = {.context = drawing, .begin = begin_drawing, .take = draw_batch};
    lua_pushcfunction(L, push_drawing);
    lua_pushlightuserdata(L, drawing);
    int error = map_file_scan(path, &content, &sink, message, sizeof(message)), base = lua_gettop(L) - 2;
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    for (int i = 0; i < drawing->npictures; i++) {
        map_picture_end(&drawing->pictures[i]);
    }
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    map_content_free(&content);
    return status == LUA_OK ? lua_gettop(L) - base : lua_error(L);
}

void
map_add_file_methods(lua_State *L) {
    static const luaL_Reg methods[] = {{"save", save}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}

void
core_open_extent_set(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"load_extent_set", load_extent_set}, {"draw_extent_file", draw_extent_file}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

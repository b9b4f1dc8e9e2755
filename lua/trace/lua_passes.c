/*
 * lua_passes.c -- passes over a trace's events for Lua, in slices, so that Ctrl-C is noticed between them.
 *
 *   tally = file:tally(filter)           tally:step(n) -> boolean: is there more? tally:result() -> a table
 *   cells = file:cells(filter)           the same with other results: see lua_tally.c
 *   cursor = file:cursor(filter)         cursor:next() -> event, a table; nil at the end
 *   save = file:save(filter, path)       save:step(n) -> boolean; save:finish() -> { events=, bytes=, threads= }
 *
 * save() and the others' first calls return nil, message, code where they fail. A filter: { from=, to=, min_size=,
 * max_size=, thread=, kinds= }: integers; kinds has a bit for each.
 */
#include "lua_trace.h"

#include <stdlib.h>

#include "lua_tally.h"
#include "save.h"

#define TALLY_TYPE  "lunalloc.trace.tally"
#define CURSOR_TYPE "lunalloc.trace.cursor"
#define SAVE_TYPE   "lunalloc.trace.save"

enum {
    MESSAGE_SIZE = 4608
};

/* ---- filters ---- */

static lua_Integer
integer_at(lua_State *L, int stack, const char *name, lua_Integer fallback) {
    lua_pushstring(L, name);
    lua_rawget(L, stack);
    lua_Integer value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : fallback;
    lua_pop(L, 1);
    return value;
}

trace_filter_t
lua_trace_filter(lua_State *L, int stack) {
    trace_filter_t filter = TRACE_ALL;
    if (lua_isnoneornil(L, stack)) {
        return filter;
    }
    luaL_checktype(L, stack, LUA_TTABLE);
    filter.from = (uint64_t)integer_at(L, stack, "from", 0);
    filter.to = (uint64_t)integer_at(L, stack, "to", -1);
    filter.min_size = (uint64_t)integer_at(L, stack, "min_size", 0);
    filter.max_size = (uint64_t)integer_at(L, stack, "max_size", -1);
    filter.thread = integer_at(L, stack, "thread", -1);
    filter.kinds = (uint32_t)integer_at(L, stack, "kinds", -1);
    return filter;
}

/* A new userdata of the type, with NULL. */
static void **
new_handle(lua_State *L, const char *type) {
    void **handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    *handle = NULL;
    luaL_setmetatable(L, type);
    return handle;
}

static void *
check_open(lua_State *L, const char *type) {
    void *object = *(void **)luaL_checkudata(L, 1, type);
    if (object == NULL) {
        luaL_error(L, "this pass over a trace is over");
    }
    return object;
}

/* The object of the userdata at 1, which has none from then on. */
static void *
take_object(lua_State *L, const char *type) {
    void **handle = luaL_checkudata(L, 1, type), *object = *handle;
    *handle = NULL;
    return object;
}

/* ---- tallies and cursors: a pass, and what it needs ---- */

typedef struct {
    trace_file_t *file;
    trace_pass_t *pass;
    trace_tally_t *tally; /* at most one of these two: neither is a cursor */
    trace_cells_t *cells;
} walk_t;

typedef enum {
    WALK_CURSOR,
    WALK_TALLY,
    WALK_CELLS
} walk_kind_t;

static void
free_walk(walk_t *walk) {
    if (walk->tally != NULL) {
        trace_tally_close(walk->tally);
    }
    if (walk->cells != NULL) {
        trace_cells_close(walk->cells);
    }
    if (walk->pass != NULL) {
        trace_pass_close(walk->pass);
        trace_file_close(walk->file);
    }
    free(walk);
}

/* False without memory. */
static bool
open_sums(walk_t *walk, const trace_info_t *info, const trace_filter_t *filter, walk_kind_t kind) {
    uint64_t from = filter->from > info->begin ? filter->from : info->begin;
    uint64_t to = filter->to < info->end ? filter->to : info->end;
    walk->tally = kind == WALK_TALLY ? trace_tally_open(from, to) : NULL;
    walk->cells = kind == WALK_CELLS ? trace_cells_open() : NULL;
    return kind == WALK_CURSOR || walk->tally != NULL || walk->cells != NULL;
}

static walk_t *
begin_walk(trace_file_t *file, const trace_filter_t *filter, walk_kind_t kind) {
    walk_t *walk = calloc(1, sizeof(*walk));
    if (walk == NULL) {
        return NULL;
    }
    walk->pass = open_sums(walk, trace_file_info(file), filter, kind) ? trace_pass_open(file, filter) : NULL;
    if (walk->pass == NULL) {
        free_walk(walk);
        return NULL;
    }
    walk->file = file;
    trace_file_share(file);
    return walk;
}

static int
push_walk(lua_State *L, const char *type, walk_kind_t kind) {
    trace_filter_t filter = lua_trace_filter(L, 2);
    void **handle = new_handle(L, type);
    *handle = begin_walk(lua_trace_check(L), &filter, kind);
    return *handle != NULL ? 1 : core_fail(L, "ENOMEM", "no memory for a pass over the trace");
}

static int
file_tally(lua_State *L) {
    return push_walk(L, TALLY_TYPE, WALK_TALLY);
}

static int
file_cells(lua_State *L) {
    return push_walk(L, TALLY_TYPE, WALK_CELLS);
}

static int
file_cursor(lua_State *L) {
    return push_walk(L, CURSOR_TYPE, WALK_CURSOR);
}

static int
close_walk(lua_State *L, const char *type) {
    walk_t *walk = take_object(L, type);
    if (walk != NULL) {
        free_walk(walk);
    }
    return 0;
}

static int
tally_close(lua_State *L) {
    return close_walk(L, TALLY_TYPE);
}

static int
cursor_close(lua_State *L) {
    return close_walk(L, CURSOR_TYPE);
}

static void
add_step(walk_t *walk, const trace_step_t *step) {
    if (walk->tally != NULL) {
        trace_tally_add(walk->tally, step, trace_pass_bytes(walk->pass));
    } else {
        trace_cells_add(walk->cells, step, walk->pass);
    }
}

static int
tally_step(lua_State *L) {
    walk_t *walk = check_open(L, TALLY_TYPE);
    trace_step_t step;
    for (lua_Integer n = luaL_checkinteger(L, 2); n > 0; n--) {
        if (!trace_pass_next(walk->pass, &step)) {
            lua_pushboolean(L, false);
            return 1;
        }
        add_step(walk, &step);
    }
    lua_pushboolean(L, true);
    return 1;
}

static void
push_sums(lua_State *L, walk_t *walk) {
    if (walk->tally != NULL) {
        lua_tally_push(L, walk->tally);
    } else {
        trace_cells_end(walk->cells, walk->pass);
        lua_cells_push(L, walk->cells);
    }
}

static int
tally_result(lua_State *L) {
    walk_t *walk = check_open(L, TALLY_TYPE);
    if (trace_pass_short(walk->pass) || (walk->tally != NULL && walk->tally->no_memory)) {
        return core_fail(L, "ENOMEM", "no memory for the live blocks of the trace");
    }
    void **own =
        new_handle(L, TALLY_TYPE); /* nobody else may close it while Lua allocates, and it is freed if that fails */
    *own = take_object(L, TALLY_TYPE);
    push_sums(L, walk);
    core_set_integer(L, "damaged", (lua_Integer)trace_pass_damaged(walk->pass));
    *own = NULL;
    free_walk(walk);
    return 1;
}

/* ---- events ---- */

static void
push_event(lua_State *L, const trace_step_t *step, uint64_t begin) {
    const record_event_t *event = &step->event;
    bool thread = event->kind == RECORD_THREAD;
    lua_createtable(L, 0, 8);
    core_set_integer(L, "time", (lua_Integer)(event->time - begin));
    core_set_integer(L, "thread", (lua_Integer)event->thread + 1);
    core_set_string(L, "kind", record_kind_name(event->kind));
    core_set_integer(L, "addr", (lua_Integer)event->addr);
    core_set_integer(L, "size", (lua_Integer)event->size);
    if (event->lg_align != 0) {
        core_set_integer(L, "align", (lua_Integer)1 << (event->lg_align & 63));
    }
    if (!thread && event->old_addr != 0) {
        core_set_integer(L, "old_addr", (lua_Integer)event->old_addr);
    }
    if (!thread && event->touched != RECORD_UNKNOWN) {
        core_set_integer(L, "touched", (lua_Integer)event->touched);
    }
    if (step->ended) {
        core_set_integer(L, "old_size", (lua_Integer)step->old.size);
        core_set_integer(L, "lifetime", (lua_Integer)(event->time - step->old.time));
    }
}

static int
cursor_next(lua_State *L) {
    walk_t *walk = check_open(L, CURSOR_TYPE);
    trace_step_t step;
    while (trace_pass_next(walk->pass, &step)) {
        if (step.passes) {
            push_event(L, &step, trace_file_info(walk->file)->begin);
            return 1;
        }
    }
    lua_pushnil(L);
    return 1;
}

/* ---- saving ---- */

typedef struct {
    trace_file_t *file;
    trace_save_t *save;
} saving_t;

static int
file_save(lua_State *L) {
    trace_filter_t filter = lua_trace_filter(L, 2);
    const char *path = luaL_checkstring(L, 3);
    char message[MESSAGE_SIZE];
    void **handle = new_handle(L, SAVE_TYPE);
    trace_file_t *file = lua_trace_check(L);
    saving_t *saving = calloc(1, sizeof(*saving));
    if (saving == NULL) {
        return core_fail(L, "ENOMEM", "no memory to save a trace");
    }
    saving->file = file;
    int error = trace_save_open(&saving->save, file, &filter, path, message, sizeof(message));
    if (error != 0) {
        free(saving);
        return core_fail_errno(L, error, message);
    }
    trace_file_share(file);
    *handle = saving;
    return 1;
}

static int
save_step(lua_State *L) {
    saving_t *saving = check_open(L, SAVE_TYPE);
    lua_pushboolean(L, trace_save_step(saving->save, (uint64_t)luaL_checkinteger(L, 2)));
    return 1;
}

static int
save_finish(lua_State *L) {
    check_open(L, SAVE_TYPE);
    saving_t *saving = take_object(L, SAVE_TYPE);
    char message[MESSAGE_SIZE];
    trace_written_t written;
    int error = trace_save_close(saving->save, &written, message, sizeof(message));
    trace_file_close(saving->file);
    free(saving);
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_createtable(L, 0, 3);
    core_set_integer(L, "events", (lua_Integer)written.events);
    core_set_integer(L, "bytes", (lua_Integer)written.bytes);
    core_set_integer(L, "threads", (lua_Integer)written.threads);
    return 1;
}

static int
save_close(lua_State *L) {
    saving_t *saving = take_object(L, SAVE_TYPE);
    if (saving != NULL) {
        trace_save_abandon(saving->save);
        trace_file_close(saving->file);
        free(saving);
    }
    return 0;
}

void
lua_trace_add_passes(lua_State *L) {
    static const luaL_Reg tally_meta[] = {{"__gc", tally_close}, {"__close", tally_close}, {NULL, NULL}};
    static const luaL_Reg tally[] = {{"step", tally_step}, {"result", tally_result}, {NULL, NULL}};
    static const luaL_Reg cursor_meta[] = {{"__gc", cursor_close}, {"__close", cursor_close}, {NULL, NULL}};
    static const luaL_Reg cursor[] = {{"next", cursor_next}, {"close", cursor_close}, {NULL, NULL}};
    static const luaL_Reg save_meta[] = {{"__gc", save_close}, {"__close", save_close}, {NULL, NULL}};
    static const luaL_Reg save[] = {{"step", save_step}, {"finish", save_finish}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"tally", file_tally}, {"cells", file_cells}, {"cursor", file_cursor}, {"save", file_save}, {NULL, NULL}};
    core_new_type(L, TALLY_TYPE, tally_meta, tally);
    core_new_type(L, CURSOR_TYPE, cursor_meta, cursor);
    core_new_type(L, SAVE_TYPE, save_meta, save);
    luaL_setfuncs(L, methods, 0);
}

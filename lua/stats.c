/*
 * stats.c -- snapshots as Lua values.
 *
 * A snapshot is one flat userdata (snapshot.h). Its parts (snapshot.arenas, snapshot.arenas[0], difference.rates) are
 * small views that keep the snapshot alive as their user value. Lua code (lunalloc/stats.lua) prints them for people
 * and yields pairs(), by the primitive stats_keys and the metatables that are exported here.
 */
#include "core.h"

#include "snapshot.h"

#include <string.h>

/* snapshot.arenas, snapshot.classes; user value: the snapshot */
typedef struct {
    snapshot_kind_t kind;
} rows_view_t;

/* One of these rows, or difference.rates; user value: the snapshot */
typedef struct {
    snapshot_kind_t kind;
    uint32_t position;
    bool absent; /* a class without a row: all zero but its keys */
    bool rates;  /* per second; cumulative counters only */
    uint64_t keys[2];
} row_view_t;

/* What a snapshot has besides counters. Only a difference has the last two. */
static const char *const parts[] = {"arenas", "classes", "seconds", "rates"};

static uint32_t
part_count(const snapshot_t *snapshot) {
    return snapshot->difference ? 4 : 2;
}

static snapshot_t *
check_snapshot(lua_State *L, int arg) {
    return luaL_checkudata(L, arg, CORE_SNAPSHOT);
}

/* The snapshot of the view at 1, which is left at the top of the stack. */
static const snapshot_t *
push_snapshot_of(lua_State *L) {
    lua_getiuservalue(L, 1, 1);
    return check_snapshot(L, -1);
}

static void
push_word(lua_State *L, const snapshot_t *snapshot, const snapshot_row_t *row, const row_view_t *view, uint32_t word) {
    if (view->rates) {
        lua_pushnumber(L, snapshot_rate(snapshot, row, word));
    } else if (view->absent) {
        lua_pushinteger(L, word < row->nkeys ? (lua_Integer)view->keys[word] : 0);
    } else {
        lua_pushinteger(L, (lua_Integer)row->words[word]);
    }
}

/* ---- errors ---- */

/* Raises an error: `name` is neither a counter of the row nor one of the first `nparts` parts. */
static int
raise_unknown(lua_State *L, const char *what, const char *name, const snapshot_row_t *row, uint32_t nparts) {
    const char *known[SNAPSHOT_NAMES_MAX + sizeof(parts) / sizeof(parts[0])];
    size_t n = 0;
    for (uint32_t i = 0; i < row->nwords; i++) {
        known[n++] = snapshot_word(row, i)->name;
    }
    for (uint32_t i = 0; i < nparts; i++) {
        known[n++] = parts[i];
    }
    const char *near = core_nearest(name, known, n);
    if (near != NULL) {
        return luaL_error(L, "no field '%s' in %s; did you mean '%s'?", core_push_line(L, name), what, near);
    }
    return luaL_error(L, "no field '%s' in %s", core_push_line(L, name), what);
}

/* ---- a row ---- */

static row_view_t *
push_row_view(lua_State *L, int snapshot, snapshot_kind_t kind, uint32_t position) {
    lua_pushvalue(L, snapshot);
    row_view_t *view = lua_newuserdatauv(L, sizeof(*view), 1);
    *view = (row_view_t){.kind = kind, .position = position};
    luaL_setmetatable(L, CORE_SNAPSHOT_ROW);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    return view;
}

/* An absent row borrows the words of the total: its names are right, and push_word() does not read them. */
static snapshot_row_t
row_of(const snapshot_t *snapshot, const row_view_t *view) {
    snapshot_row_t row = snapshot_row(snapshot, view->kind, view->absent ? 0 : view->position);
    if (view->absent) {
        row.words = snapshot->words;
    }
    return row;
}

/* The key at 2, which must be a name. `what`: the indexed object, for the message. */
static const char *
check_field(lua_State *L, const char *what) {
    if (!lua_isstring(L, 2)) {
        luaL_error(L, "%s is indexed by names of its fields, not by a %s", what, luaL_typename(L, 2));
    }
    return lua_tostring(L, 2);
}

static int
row_index(lua_State *L) {
    const row_view_t *view = luaL_checkudata(L, 1, CORE_SNAPSHOT_ROW);
    const char *name = check_field(L, "this row of the statistics");
    const snapshot_t *snapshot = push_snapshot_of(L);
    snapshot_row_t row = row_of(snapshot, view);
    uint32_t word = snapshot_row_word(&row, name);
    if (word == row.nwords) {
        return raise_unknown(L, "this row of the statistics", name, &row, 0);
    }
    if (view->rates && !snapshot_word(&row, word)->cumulative) {
        return luaL_error(L, "'%s' has no rate: only counters that never fall have one", name);
    }
    push_word(L, snapshot, &row, view, word);
    return 1;
}

static void
push_row_keys(lua_State *L, const snapshot_row_t *row, bool cumulative_only) {
    lua_Integer n = 0;
    lua_createtable(L, (int)row->nwords, 0);
    for (uint32_t i = 0; i < row->nwords; i++) {
        const snapshot_word_t *word = snapshot_word(row, i);
        if (!cumulative_only || word->cumulative) {
            lua_pushstring(L, word->name);
            lua_rawseti(L, -2, ++n);
        }
    }
}

/* ---- the rows of a kind ---- */

static void
push_rows_view(lua_State *L, int snapshot, snapshot_kind_t kind) {
    rows_view_t *view = lua_newuserdatauv(L, sizeof(*view), 1);
    view->kind = kind;
    luaL_setmetatable(L, CORE_SNAPSHOT_ROWS);
    lua_pushvalue(L, snapshot);
    lua_setiuservalue(L, -2, 1);
}

static bool
absent_class(lua_State *L, const snapshot_t *snapshot, lua_Integer szind, int snapshot_at) {
    if (szind < 0 || szind >= snapshot->nsizes) {
        return false;
    }
    row_view_t *view = push_row_view(L, snapshot_at, SNAPSHOT_CLASS, 0);
    view->absent = true;
    view->keys[0] = (uint64_t)szind;
    view->keys[1] = snapshot_class_size(snapshot, (uint32_t)szind);
    return true;
}

/* rows[arena or size class]: a row; nil if there is no such arena or class */
static int
rows_index(lua_State *L) {
    const rows_view_t *view = luaL_checkudata(L, 1, CORE_SNAPSHOT_ROWS);
    int integer = 0;
    lua_settop(L, 2);
    lua_Integer key = lua_tointegerx(L, 2, &integer);
    if (!integer) {
        return luaL_error(L, "rows of the statistics are indexed by the number of %s, not by '%s'",
                          view->kind == SNAPSHOT_CLASS ? "a size class" : "an arena",
                          core_push_line(L, lua_isstring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2)));
    }
    const snapshot_t *snapshot = push_snapshot_of(L);
    uint32_t position = snapshot_position(snapshot, view->kind, (uint64_t)key);
    if (position < snapshot_nrows(snapshot, view->kind)) {
        push_row_view(L, 3, view->kind, position);
    } else if (view->kind != SNAPSHOT_CLASS || !absent_class(L, snapshot, key, 3)) {
        lua_pushnil(L);
    }
    return 1;
}

/* #rows: how many arenas have a row; how many size classes there are, used or not */
static int
rows_len(lua_State *L) {
    const rows_view_t *view = luaL_checkudata(L, 1, CORE_SNAPSHOT_ROWS);
    const snapshot_t *snapshot = push_snapshot_of(L);
    lua_pushinteger(L, view->kind == SNAPSHOT_CLASS ? snapshot->nsizes : snapshot->narenas);
    return 1;
}

static void
push_rows_keys(lua_State *L, const snapshot_t *snapshot, snapshot_kind_t kind) {
    uint32_t n = snapshot_nrows(snapshot, kind);
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        snapshot_row_t row = snapshot_row(snapshot, kind, i);
        lua_pushinteger(L, (lua_Integer)row.words[0]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* ---- the snapshot ---- */

/* Pushes the part called `name`, if the snapshot at 1 has it. */
static bool
push_part(lua_State *L, const snapshot_t *snapshot, const char *name) {
    if (strcmp(name, "arenas") == 0) {
        push_rows_view(L, 1, SNAPSHOT_ARENA);
    } else if (strcmp(name, "classes") == 0) {
        push_rows_view(L, 1, SNAPSHOT_CLASS);
    } else if (snapshot->difference && strcmp(name, "seconds") == 0) {
        lua_pushnumber(L, snapshot_seconds(snapshot));
    } else if (snapshot->difference && strcmp(name, "rates") == 0) {
        push_row_view(L, 1, SNAPSHOT_TOTAL, 0)->rates = true;
    } else {
        return false;
    }
    return true;
}

/* Upvalue 1: the methods. */
static int
snapshot_index(lua_State *L) {
    const snapshot_t *snapshot = check_snapshot(L, 1);
    const char *what = snapshot->difference ? "a difference" : "a snapshot";
    const char *name = check_field(L, what);
    static const row_view_t total = {.kind = SNAPSHOT_TOTAL};
    snapshot_row_t row = row_of(snapshot, &total);
    uint32_t word = snapshot_row_word(&row, name);
    if (word < row.nwords) {
        push_word(L, snapshot, &row, &total, word);
    } else if (!push_part(L, snapshot, name) && lua_getfield(L, lua_upvalueindex(1), name) == LUA_TNIL) {
        return raise_unknown(L, what, name, &row, part_count(snapshot));
    }
    return 1;
}

static void
push_snapshot_keys(lua_State *L, const snapshot_t *snapshot) {
    snapshot_row_t row = snapshot_row(snapshot, SNAPSHOT_TOTAL, 0);
    push_row_keys(L, &row, false);
    for (uint32_t i = 0; i < part_count(snapshot); i++) {
        lua_pushstring(L, parts[i]);
        lua_rawseti(L, -2, (lua_Integer)(row.nwords + i) + 1);
    }
}

/* stats_keys(snapshot, rows or row): array of what it can be indexed by, in order */
static int
stats_keys(lua_State *L) {
    const snapshot_t *snapshot = luaL_testudata(L, 1, CORE_SNAPSHOT);
    const rows_view_t *rows = luaL_testudata(L, 1, CORE_SNAPSHOT_ROWS);
    if (snapshot != NULL) {
        push_snapshot_keys(L, snapshot);
    } else if (rows != NULL) {
        push_rows_keys(L, push_snapshot_of(L), rows->kind);
    } else {
        const row_view_t *view = luaL_checkudata(L, 1, CORE_SNAPSHOT_ROW);
        snapshot_row_t row = row_of(push_snapshot_of(L), view);
        push_row_keys(L, &row, view->rates);
    }
    return 1;
}

/* ---- JSON and OpenMetrics ---- */

static void
collect(void *opaque, const char *piece) {
    luaL_addstring(opaque, piece);
}

/* Returns to Lua what a writer makes of the snapshot at index 1. */
static int
push_written(lua_State *L, void (*write)(const snapshot_t *, lunalloc_write_t *, void *)) {
    const snapshot_t *snapshot = check_snapshot(L, 1);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    write(snapshot, collect, &text);
    luaL_pushresult(&text);
    return 1;
}

/* stats_json(snapshot) */
static int
stats_json(lua_State *L) {
    return push_written(L, snapshot_json);
}

/* stats_openmetrics(snapshot); not of a difference */
static int
stats_openmetrics(lua_State *L) {
    return push_written(L, snapshot_openmetrics);
}

/* ---- taking and subtracting ---- */

static snapshot_t *
push_block(lua_State *L, uint32_t narenas, uint32_t nclasses, uint32_t nsizes) {
    snapshot_t *block = lua_newuserdatauv(L, snapshot_size(narenas, nclasses, nsizes), 0);
    luaL_setmetatable(L, CORE_SNAPSHOT);
    return block;
}

/* later - earlier */
static int
snapshot_sub(lua_State *L) {
    const snapshot_t *later = luaL_testudata(L, 1, CORE_SNAPSHOT);
    const snapshot_t *earlier = luaL_testudata(L, 2, CORE_SNAPSHOT);
    if (later == NULL || earlier == NULL) {
        return luaL_error(L, "a difference is taken between two snapshots, not between a %s and a %s",
                          later == NULL ? luaL_typename(L, 1) : "snapshot",
                          earlier == NULL ? luaL_typename(L, 2) : "snapshot");
    }
    if (later->difference || earlier->difference) {
        return luaL_error(L, "a difference is taken between two snapshots, not between differences");
    }
    snapshot_subtract(later, earlier, push_block(L, later->narenas, later->nclasses, later->nsizes));
    return 1;
}

/* stats([arena]): a snapshot of everything, or of one arena */
static int
stats(lua_State *L) {
    target_handle_t *target = core_target(L);
    uint32_t scope = core_opt_index(L, 1, LUNALLOC_ALL);
    snapshot_plan_t plan;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = snapshot_plan(target, scope, &plan);
    if (error == 0) {
        plan.classes = lua_newuserdatauv(L, plan.nsizes * sizeof(*plan.classes), 0);
        plan.sizes = lua_newuserdatauv(L, plan.nsizes * sizeof(*plan.sizes), 0);
        error = snapshot_read(target, &plan);
    }
    if (error == 0) {
        error = snapshot_fill(target, &plan, push_block(L, plan.narenas, plan.nclasses, plan.nsizes));
    }
    return error == 0 ? 1 : core_fail_target(L, error, target);
}

/* ---- types ---- */

static void
open_snapshot_type(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__sub", snapshot_sub}, {NULL, NULL}};
    core_new_type(L, CORE_SNAPSHOT, metamethods, NULL);
    luaL_getmetatable(L, CORE_SNAPSHOT);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods");
    lua_pushcclosure(L, snapshot_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

/* stats_units: the unit of each counter of the total, by name */
static void
set_units(lua_State *L) {
    const snapshot_t none = {0};
    snapshot_row_t row = snapshot_row(&none, SNAPSHOT_TOTAL, 0);
    lua_createtable(L, 0, (int)row.nwords);
    for (uint32_t i = 0; i < row.nwords; i++) {
        core_set_string(L, snapshot_word(&row, i)->name, snapshot_word(&row, i)->unit);
    }
    lua_setfield(L, -2, "stats_units");
}

void
core_add_stats(lua_State *L) {
    static const luaL_Reg functions[] = {{"stats", stats}, {NULL, NULL}};
    core_add_functions(L, functions);
}

void
core_open_stats(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"stats_keys", stats_keys}, {"stats_json", stats_json}, {"stats_openmetrics", stats_openmetrics}, {NULL, NULL}};
    static const luaL_Reg row[] = {{"__index", row_index}, {NULL, NULL}};
    static const luaL_Reg rows[] = {{"__index", rows_index}, {"__len", rows_len}, {NULL, NULL}};
    open_snapshot_type(L);
    core_new_type(L, CORE_SNAPSHOT_ROW, row, NULL);
    core_new_type(L, CORE_SNAPSHOT_ROWS, rows, NULL);
    luaL_setfuncs(L, functions, 0);
    set_units(L);
    lua_createtable(L, 0, 3);
    luaL_getmetatable(L, CORE_SNAPSHOT);
    lua_setfield(L, -2, "snapshot");
    luaL_getmetatable(L, CORE_SNAPSHOT_ROW);
    lua_setfield(L, -2, "row");
    luaL_getmetatable(L, CORE_SNAPSHOT_ROWS);
    lua_setfield(L, -2, "rows");
    lua_setfield(L, -2, "stats_types");
}

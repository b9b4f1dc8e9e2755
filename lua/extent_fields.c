/*
 * extent_fields.c -- the fields of an extent as Lua sees them, in tables and in records.
 *
 * A record is a userdata with a copy of the extent: e.size reads it, pairs(e) lists all fields, tostring(e) shows them.
 * A walk makes records, since a table with 14 fields takes Lua itself longer (330 ns) than all else (100 ns).
 */
#include "extents.h"

#include <string.h>

/* NULL-terminated for luaL_checkoption. */
const char *const extent_states[] = {
    [LUNALLOC_ACTIVE] = "active",     [LUNALLOC_DIRTY] = "dirty", [LUNALLOC_MUZZY] = "muzzy",
    [LUNALLOC_RETAINED] = "retained", [LUNALLOC_BUSY] = "busy",   NULL,
};

const char *
core_state_name(lunalloc_state_t state) {
    return state <= LUNALLOC_BUSY ? extent_states[state] : "unknown";
}

enum {
    ADDR,
    SIZE,
    ARENA,
    NFREE,
    NREGS,
    DISCARDED,
    SN,
    LRU,
    SLAB,
    IS_HEAD,
    COMMITTED,
    ZEROED,
    STATE,
    SZIND
};

static const char *const field_names[EXTENT_FIELDS] = {
    [ADDR] = "addr",           [SIZE] = "size",     [ARENA] = "arena", [NFREE] = "nfree", [NREGS] = "nregs",
    [DISCARDED] = "discarded", [SN] = "sn",         [LRU] = "lru",     [SLAB] = "slab",   [IS_HEAD] = "is_head",
    [COMMITTED] = "committed", [ZEROED] = "zeroed", [STATE] = "state", [SZIND] = "szind",
};

uint32_t
extent_field(const char *name) {
    for (int field = 0; field < EXTENT_FIELDS; field++) {
        if (strcmp(name, field_names[field]) == 0) {
            return UINT32_C(1) << field;
        }
    }
    return 0;
}

/* ---- tables ---- */

void
extent_push_names(lua_State *L) {
    luaL_checkstack(L, 2 * EXTENT_NAMES, "names of fields");
    for (int i = 0; i < EXTENT_FIELDS; i++) {
        lua_pushstring(L, field_names[i]);
    }
    for (int i = 0; extent_states[i] != NULL; i++) {
        lua_pushstring(L, extent_states[i]);
    }
}

static void
push_name(lua_State *L, bool kept, int field) {
    if (kept) {
        lua_pushvalue(L, lua_upvalueindex(field + 1));
    } else {
        lua_pushstring(L, field_names[field]);
    }
}

static void
push_state(lua_State *L, bool kept, lunalloc_state_t state) {
    if (kept && state <= LUNALLOC_BUSY) {
        lua_pushvalue(L, lua_upvalueindex(EXTENT_FIELDS + (int)state + 1));
    } else {
        lua_pushstring(L, core_state_name(state));
    }
}

/* Nil if the extent has no size class. */
static void
push_szind(lua_State *L, uint32_t szind) {
    if (szind != LUNALLOC_NONE) {
        lua_pushinteger(L, szind);
    } else {
        lua_pushnil(L);
    }
}

/* A switch: a walk calls it for each field that is read. */
static void
push_field(lua_State *L, bool kept, int field, const lunalloc_extent_t *extent) {
    switch (field) {
    case ADDR:
        lua_pushinteger(L, (lua_Integer)extent->addr);
        break;
    case SIZE:
        lua_pushinteger(L, (lua_Integer)extent->size);
        break;
    case ARENA:
        lua_pushinteger(L, extent->arena);
        break;
    case NFREE:
        lua_pushinteger(L, extent->nfree);
        break;
    case NREGS:
        lua_pushinteger(L, extent->nregs);
        break;
    case DISCARDED:
        lua_pushinteger(L, (lua_Integer)extent->discarded);
        break;
    case SN:
        lua_pushinteger(L, (lua_Integer)extent->sn);
        break;
    case LRU:
        lua_pushinteger(L, (lua_Integer)extent->lru);
        break;
    case SLAB:
        lua_pushboolean(L, extent->slab);
        break;
    case IS_HEAD:
        lua_pushboolean(L, extent->is_head);
        break;
    case COMMITTED:
        lua_pushboolean(L, extent->committed);
        break;
    case ZEROED:
        lua_pushboolean(L, extent->zeroed);
        break;
    case STATE:
        push_state(L, kept, extent->state);
        break;
    default:
        push_szind(L, extent->szind);
    }
}

void
extent_set_fields(lua_State *L, bool kept, uint32_t fields, const lunalloc_extent_t *extent) {
    for (int i = 0; i < EXTENT_FIELDS; i++) {
        if ((fields >> i & 1) != 0) {
            push_name(L, kept, i);
            push_field(L, kept, i, extent);
            lua_rawset(L, -3);
        }
    }
}

void
core_push_extent(lua_State *L, const lunalloc_extent_t *extent) {
    lua_createtable(L, 0, EXTENT_FIELDS);
    extent_set_fields(L, false, EXTENT_ALL_FIELDS, extent);
}

/* ---- records ---- */

/* `kind` is &record_kind: faster to check than a metatable, and no other userdata has it. */
typedef struct {
    const char *const *kind;
    lunalloc_extent_t extent;
} record_t;

static const char *const record_kind = CORE_EXTENT;

enum {
    UPVALUE_NUMBERS = EXTENT_NAMES + 1 /* of __index, behind the names: { [name] = number of the field } */
};

void
extent_push_record(lua_State *L, int type, const lunalloc_extent_t *extent) {
    record_t *record = lua_newuserdatauv(L, sizeof(*record), 0);
    *record = (record_t){.kind = &record_kind, .extent = *extent};
    lua_pushvalue(L, type);
    lua_setmetatable(L, -2);
}

/* The extent of the record at 1. The length first: that of a light userdata is 0. */
static const lunalloc_extent_t *
check_record(lua_State *L, const char *call) {
    const record_t *record = lua_rawlen(L, 1) == sizeof(*record) ? lua_touserdata(L, 1) : NULL;
    if (record == NULL || record->kind != &record_kind) {
        record = core_check_self(L, CORE_EXTENT, call);
    }
    return &record->extent;
}

/* __index(record, name): the field; nil for any other name, as of a table. */
static int
record_index(lua_State *L) {
    const lunalloc_extent_t *extent = check_record(L, "extent");
    lua_settop(L, 2);
    if (lua_rawget(L, lua_upvalueindex(UPVALUE_NUMBERS)) == LUA_TNUMBER) {
        push_field(L, true, (int)lua_tointeger(L, -1), extent);
    }
    return 1;
}

static int
record_newindex(lua_State *L) {
    check_record(L, "extent");
    return luaL_error(L, "an extent cannot be changed; allowed: to copy it, for k, v in pairs(extent) do ... end");
}

/* The iterator of pairs(): the table that is walked, and the last key. */
static int
next_field(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    return lua_next(L, 1) != 0 ? 2 : (lua_pushnil(L), 1);
}

static int
record_pairs(lua_State *L) {
    const lunalloc_extent_t *extent = check_record(L, "pairs");
    lua_pushcfunction(L, next_field);
    core_push_extent(L, extent);
    return 2;
}

static int
record_tostring(lua_State *L) {
    const lunalloc_extent_t *extent = check_record(L, "tostring");
    lua_pushfstring(L, "extent: arena %d, %p, %I bytes, %s%s", (int)extent->arena, (void *)extent->addr,
                    (LUAI_UACINT)extent->size, core_state_name(extent->state), extent->slab ? ", slab" : "");
    return 1;
}

void
extent_open_record_type(lua_State *L) {
    static const luaL_Reg metamethods[] = {
        {"__newindex", record_newindex}, {"__pairs", record_pairs}, {"__tostring", record_tostring}, {NULL, NULL}};
    static const luaL_Reg index[] = {{"__index", record_index}, {NULL, NULL}};
    core_new_type(L, CORE_EXTENT, metamethods, NULL);
    luaL_getmetatable(L, CORE_EXTENT);
    extent_push_names(L);
    lua_createtable(L, 0, EXTENT_FIELDS);
    for (int i = 0; i < EXTENT_FIELDS; i++) {
        core_set_integer(L, field_names[i], i);
    }
    luaL_setfuncs(L, index, UPVALUE_NUMBERS);
}

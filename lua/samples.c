/*
 * samples.c -- the profiler's samples of live allocations, one by one or as a set that is summed in C (sample_set.h);
 * and the names of the functions at addresses.
 */
#include "core.h"
#include "sample_set.h"

#include <string.h>

#define CORE_SAMPLES "lunalloc.samples"

enum {
    BATCH = 32
};

/* Not known: no field. */
static void
set_place(lua_State *L, uintptr_t place) {
    if (place != 0) {
        core_set_integer(L, "place", (lua_Integer)place);
    }
}

/* Pushes the stack as an array of return addresses, innermost first. */
static void
push_stack(lua_State *L, const lunalloc_sample_t *sample) {
    lua_createtable(L, (int)sample->depth, 0);
    for (uint32_t i = 0; i < sample->depth; i++) {
        lua_pushinteger(L, (lua_Integer)sample->stack[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void
push_sample(lua_State *L, const void *record) {
    const lunalloc_sample_t *sample = record;
    lua_createtable(L, 0, 10);
    core_set_integer(L, "addr", (lua_Integer)sample->addr);
    set_place(L, sample->place);
    core_set_integer(L, "size", (lua_Integer)sample->size);
    core_set_integer(L, "szind", sample->szind);
    core_set_integer(L, "arena", sample->arena);
    core_set_integer(L, "tid", sample->thread);
    core_set_string(L, "thread", sample->thread_name);
    core_set_integer(L, "time", (lua_Integer)sample->time);
    lua_pushnumber(L, sample->weight);
    core_set_value(L, "weight");
    push_stack(L, sample);
    core_set_value(L, "stack");
}

/* samples([place]): an array of tables, one batch; and the place where the next batch begins, or nil at the end */
static int
samples(lua_State *L) {
    target_handle_t *target = core_target(L);
    lunalloc_sample_cursor_t cursor = {.next = (uint64_t)luaL_optinteger(L, 1, 0)};
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_sample_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    size_t n;
    int error = target->ops->samples(target, &cursor, batch, BATCH, &n);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    core_push_records(L, batch, sizeof *batch, n, push_sample);
    if (n == 0) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)cursor.next);
    }
    return 2;
}

/* symbol(address): "function+0x1f"; "library+0x1f00" if no function is known there; or "0x1f00" */
static int
symbol(lua_State *L) {
    target_handle_t *target = core_target(L);
    uintptr_t addr = (uintptr_t)luaL_checkinteger(L, 1);
    char name[512];
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = target->ops->symbol(target, addr, name, sizeof name);
    if (error != 0) {
        return core_fail_target(L, error, target);
    }
    lua_pushstring(L, name);
    return 1;
}

/* ---- sets of samples ---- */

/* The set at 1. Lua code may close it: then it is empty. */
static sample_set_t *
check_set(lua_State *L) {
    return luaL_checkudata(L, 1, CORE_SAMPLES);
}

/* The number t[name], where t is at 1; `fallback` if there is none. */
static lua_Integer
condition(lua_State *L, const char *name, lua_Integer fallback) {
    lua_pushstring(L, name);
    lua_rawget(L, 1);
    lua_Integer value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : fallback;
    lua_pop(L, 1);
    return value;
}

/* new_sample_set(conditions): an empty set for samples that meet all of min_time, max_time (ns), min_size, max_size
 * (bytes), szind, arena, tid, thread (a name), where they are there; `now`: ages count from there */
static int
new_sample_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    sample_conditions_t conditions = {
        .min_time = (uint64_t)condition(L, "min_time", 0),
        .max_time = (uint64_t)condition(L, "max_time", -1),
        .min_size = (uint64_t)condition(L, "min_size", 0),
        .max_size = (uint64_t)condition(L, "max_size", -1),
        .szind = condition(L, "szind", -1),
        .arena = condition(L, "arena", -1),
        .tid = condition(L, "tid", -1),
    };
    lua_pushstring(L, "thread");
    lua_rawget(L, 1);
    conditions.thread = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    sample_set_t *set = lua_newuserdatauv(L, sizeof(*set), 1);
    *set = (sample_set_t){.conditions = conditions, .now = (uint64_t)condition(L, "now", 0)};
    luaL_setmetatable(L, CORE_SAMPLES);
    lua_pushvalue(L, 2); /* the set keeps the name */
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* fill_samples(set): adds all samples of the target that fit; true, or nil, message, code */
static int
fill_samples(lua_State *L) {
    sample_set_t *set = check_set(L);
    target_handle_t *target = core_target(L);
    lunalloc_sample_cursor_t cursor = {0};
    size_t n = 0;
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lunalloc_sample_t *batch = lua_newuserdatauv(L, BATCH * sizeof *batch, 0);
    do {
        int error = target->ops->samples(target, &cursor, batch, BATCH, &n);
        if (error != 0) {
            return core_fail_target(L, error, target);
        }
        for (size_t i = 0; i < n; i++) {
            if (!sample_set_add(set, &batch[i])) {
                return core_fail(L, "ENOMEM", "the system has no memory for a copy of the samples");
            }
        }
    } while (n > 0);
    lua_pushboolean(L, true);
    return 1;
}

/* The field `name` of the record at 2, as number or text. */
static double
number_field(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 2);
    double value = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static lua_Integer
integer_field(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, 2);
    lua_Integer value = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void
read_stack(lua_State *L, lunalloc_sample_t *sample) {
    lua_pushstring(L, "stack");
    lua_rawget(L, 2);
    size_t depth = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
    sample->depth = (uint32_t)(depth < LUNALLOC_STACK_MAX ? depth : LUNALLOC_STACK_MAX);
    for (uint32_t i = 0; i < sample->depth; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        sample->stack[i] = (uintptr_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* set:add(record): a record as samples() returns it */
static int
set_add(lua_State *L) {
    sample_set_t *set = check_set(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lunalloc_sample_t sample = {
        .addr = (uintptr_t)integer_field(L, "addr"),
        .place = (uintptr_t)integer_field(L, "place"),
        .size = (size_t)integer_field(L, "size"),
        .szind = (uint32_t)integer_field(L, "szind"),
        .arena = (uint32_t)integer_field(L, "arena"),
        .thread = (uint32_t)integer_field(L, "tid"),
        .time = (uint64_t)integer_field(L, "time"),
        .weight = number_field(L, "weight"),
    };
    read_stack(L, &sample);
    lua_pushstring(L, "thread");
    lua_rawget(L, 2);
    if (lua_type(L, -1) == LUA_TSTRING) {
        strncpy(sample.thread_name, lua_tostring(L, -1), sizeof sample.thread_name - 1);
    }
    return sample_set_add(set, &sample) ? 0 : luaL_error(L, "not enough memory");
}

static const char *const keys[] = {
    [SAMPLES_BY_STACK] = "stack",
    [SAMPLES_BY_CLASS] = "class",
    [SAMPLES_BY_ARENA] = "arena",
    [SAMPLES_BY_THREAD] = "thread",
    [SAMPLES_BY_ARENA_AND_CLASS] = "arena and class",
    [SAMPLES_BY_AGE] = "age",
    [SAMPLES_TOGETHER] = "all",
    NULL,
};

static void
push_sum(lua_State *L, const void *record) {
    const sample_sum_t *sum = record;
    lua_createtable(L, 0, 8);
    core_set_integer(L, "key", (lua_Integer)sum->key);
    core_set_integer(L, "samples", (lua_Integer)sum->samples);
    lua_pushnumber(L, sum->objects);
    core_set_value(L, "objects");
    lua_pushnumber(L, sum->bytes);
    core_set_value(L, "bytes");
    core_set_integer(L, "oldest", (lua_Integer)sum->oldest);
    core_set_integer(L, "first", (lua_Integer)sum->first + 1);
}

/* The function that is called in protected mode: an error must not lose the sums. */
static int
push_sums(lua_State *L) {
    const sample_array_t *sums = lua_touserdata(L, 1);
    core_push_records(L, sums->data, sizeof(sample_sum_t), sums->n, push_sum);
    return 1;
}

/* set:sum(by): an array of { key=, samples=, objects=, bytes=, oldest= (a time), first= (the number of a sample) } */
static int
set_sum(lua_State *L) {
    const sample_set_t *set = check_set(L);
    sample_key_t by = (sample_key_t)luaL_checkoption(L, 2, NULL, keys);
    sample_array_t sums = {0};
    lua_pushcfunction(L, push_sums);
    lua_pushlightuserdata(L, &sums);
    bool summed = sample_set_sum(set, by, &sums);
    int status = summed ? lua_pcall(L, 1, 1, 0) : LUA_OK;
    sample_array_free(&sums);
    return !summed ? luaL_error(L, "not enough memory") : status == LUA_OK ? 1 : lua_error(L);
}

static int
set_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_set(L)->entries.n);
    return 1;
}

/* set:nstacks(): stacks have the numbers 0 .. nstacks - 1 */
static int
set_nstacks(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_set(L)->stacks.n);
    return 1;
}

/* set:stack(number): an array of return addresses, innermost first; nil if there is no such stack */
static int
set_stack(lua_State *L) {
    const sample_set_t *set = check_set(L);
    lua_Integer number = luaL_checkinteger(L, 2);
    if (number < 0 || (uint64_t)number >= set->stacks.n) {
        return 0;
    }
    uint32_t depth = ((const sample_stack_t *)set->stacks.data)[number].depth;
    lua_createtable(L, (int)depth, 0);
    for (uint32_t i = 0; i < depth && (uint64_t)number < set->stacks.n; i++) {
        size_t first = ((const sample_stack_t *)set->stacks.data)[number].first;
        lua_pushinteger(L, (lua_Integer)((const uintptr_t *)set->words.data)[first + i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* set:sample(i), i = 1 .. len: its table without the stack, whose number is the second result; nil if there is none */
static int
set_sample(lua_State *L) {
    const sample_set_t *set = check_set(L);
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 1 || (uint64_t)i > set->entries.n) {
        return 0;
    }
    sample_entry_t entry = ((const sample_entry_t *)set->entries.data)[i - 1];
    sample_thread_t thread = ((const sample_thread_t *)set->threads.data)[entry.thread];
    lua_createtable(L, 0, 10);
    core_set_integer(L, "addr", (lua_Integer)entry.addr);
    set_place(L, entry.place);
    core_set_integer(L, "size", (lua_Integer)entry.size);
    core_set_integer(L, "szind", entry.szind);
    core_set_integer(L, "arena", entry.arena);
    core_set_integer(L, "tid", thread.tid);
    core_set_string(L, "thread", thread.name);
    core_set_integer(L, "time", (lua_Integer)entry.time);
    lua_pushnumber(L, entry.weight);
    core_set_value(L, "weight");
    lua_pushinteger(L, entry.stack);
    return 2;
}

/* Is t[stack of the entry] true? t is at 2. */
static bool
has_stack(void *L, const sample_entry_t *entry) {
    bool wanted = lua_rawgeti(L, 2, entry->stack) != LUA_TNIL && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return wanted;
}

/* Is t[arena << 32 | szind] true? */
static bool
has_class(void *L, const sample_entry_t *entry) {
    bool wanted = lua_rawgeti(L, 2, (lua_Integer)((uint64_t)entry->arena << 32 | entry->szind)) != LUA_TNIL;
    lua_pop(L, 1);
    return wanted;
}

/* set:keep_stacks(t), set:keep_classes(t): drops the samples whose key (of sum()) is none of t */
static int
set_keep_stacks(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    sample_set_keep(check_set(L), has_stack, L);
    return 0;
}

static int
set_keep_classes(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    sample_set_keep(check_set(L), has_class, L);
    return 0;
}

static int
set_close(lua_State *L) {
    sample_set_free(check_set(L));
    return 0;
}

/* ---- parts of the module ---- */

void
core_open_samples(lua_State *L) {
    static const luaL_Reg methods[] = {{"add", set_add},
                                       {"sum", set_sum},
                                       {"nstacks", set_nstacks},
                                       {"stack", set_stack},
                                       {"sample", set_sample},
                                       {"keep_stacks", set_keep_stacks},
                                       {"close", set_close},
                                       {"keep_classes", set_keep_classes},
                                       {NULL, NULL}};
    static const luaL_Reg metamethods[] = {
        {"__len", set_len}, {"__gc", set_close}, {"__close", set_close}, {NULL, NULL}};
    core_new_type(L, CORE_SAMPLES, metamethods, methods);
    lua_pushcfunction(L, new_sample_set);
    lua_setfield(L, -2, "new_sample_set");
}

void
core_add_samples(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"samples", samples}, {"symbol", symbol}, {"fill_samples", fill_samples}, {NULL, NULL}};
    core_add_functions(L, functions);
}

/*
 * lua_plan.c -- makes a plan of a canonical description. See lua_workload.h.
 */
#include "lua_workload.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* ---- fields of the table at `index` ---- */

static _Noreturn void
malformed(lua_State *L, const char *name) {
    luaL_error(L, "workload: malformed description: field '%s' is missing, of the wrong type or out of range", name);
    abort(); /* luaL_error does not return, which its declaration does not say */
}

/* Pushes the field, raw, and returns its type. */
static int
push_field(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

/* The field as an integer of least .. most. */
static lua_Integer
integer_field(lua_State *L, int index, const char *name, lua_Integer least, lua_Integer most) {
    int is_integer;
    push_field(L, index, name);
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || value < least || value > most) {
        malformed(L, name);
    }
    lua_pop(L, 1);
    return value;
}

/* The field as a number of least .. most. */
static double
number_field(lua_State *L, int index, const char *name, double least, double most) {
    int is_number;
    push_field(L, index, name);
    double value = lua_tonumberx(L, -1, &is_number);
    if (!is_number || !(value >= least && value <= most)) {
        malformed(L, name);
    }
    lua_pop(L, 1);
    return value;
}

/* As number_field(), or `missing` if the field is nil. */
static double
opt_number_field(lua_State *L, int index, const char *name, double least, double most, double missing) {
    bool absent = push_field(L, index, name) == LUA_TNIL;
    lua_pop(L, 1);
    return absent ? missing : number_field(L, index, name, least, most);
}

/* Pushes the string: it is valid while it is on the stack. NULL if the field is nil, which `optional` allows. */
static const char *
push_string(lua_State *L, int index, const char *name, bool optional) {
    int type = push_field(L, index, name);
    if (type != LUA_TSTRING && !(optional && type == LUA_TNIL)) {
        malformed(L, name);
    }
    return lua_tostring(L, -1);
}

/* The string, which is added to the array at `keeper`: it is valid as long as that array. */
static const char *
kept_string(lua_State *L, int index, const char *name, bool optional, int keeper) {
    const char *text = push_string(L, index, name, optional);
    if (text == NULL) {
        lua_pop(L, 1);
    } else {
        lua_rawseti(L, keeper, (lua_Integer)lua_rawlen(L, keeper) + 1);
    }
    return text;
}

/* Pushes the table and returns its length, 0 .. most. */
static size_t
push_array(lua_State *L, int index, const char *name, size_t most) {
    if (push_field(L, index, name) != LUA_TTABLE || lua_rawlen(L, -1) > most) {
        malformed(L, name);
    }
    return lua_rawlen(L, -1);
}

/* Pushes element i, counted from 0, of the array at `index`, which must be a table; returns its place. */
static int
push_element(lua_State *L, int index, size_t i, const char *name) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE) {
        malformed(L, name);
    }
    return lua_gettop(L);
}

/* ---- rows ---- */

/* The part of the description that is read, and where a message about it goes. */
typedef struct {
    const char *where;
    char *message;
    size_t message_size;
} complaint_t;

/* `on`: an array of thread numbers from 1; nil means all. */
static void
read_threads(lua_State *L, int index, plan_row_t *row) {
    if (push_field(L, index, "on") == LUA_TNIL) {
        memset(row->on, 0xff, sizeof(row->on));
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    size_t n = push_array(L, index, "on", PLAN_MAX_THREADS);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_Unsigned thread = (lua_Unsigned)lua_tointeger(L, -1) - 1;
        if (thread >= PLAN_MAX_THREADS) {
            malformed(L, "on");
        }
        row->on[thread / 64] |= (uint64_t)1 << (thread % 64);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Reads the fields of a row that are numbers. */
static void
read_scalars(lua_State *L, int index, plan_row_t *row) {
    row->weight = number_field(L, index, "weight", 0, 1e12);
    row->other = plan_share(number_field(L, index, "other", 0, 1));
    lua_Integer thread = integer_field(L, index, "thread", 0, PLAN_MAX_THREADS);
    row->freer = thread == 0 ? PLAN_ANY_OTHER : (uint32_t)(thread - 1);
    row->touch = number_field(L, index, "touch", 0, 1);
    row->writes = (uint32_t)integer_field(L, index, "writes", 0, 1000000);
    row->resized = plan_share(number_field(L, index, "realloc", 0, 1));
    row->resizes = (uint32_t)integer_field(L, index, "resizes", 1, PLAN_MAX_RESIZES);
    row->grow = number_field(L, index, "grow", 0, 1000);
    row->zeroed = plan_share(number_field(L, index, "zero", 0, 1));
    row->sized = plan_share(number_field(L, index, "sized", 0, 1));
    row->batch = (uint32_t)integer_field(L, index, "batch", 0, PLAN_MAX_BATCH);
    row->order = (plan_order_t)integer_field(L, index, "order", PLAN_FORWARD, PLAN_RANDOM);
    row->align = (size_t)integer_field(L, index, "align", 0, 1 << 30);
    if ((row->align & (row->align - 1)) != 0) {
        malformed(L, "align");
    }
}

/* Reads the field of that use. A message is that of dist_parse() after `where`: "mix[2]". */
static int
read_dist(lua_State *L, int index, dist_t *dist, dist_use_t use, region_t *region, const complaint_t *complaint) {
    char why[512];
    const char *text = push_string(L, index, use == DIST_SIZE ? "size" : "lifetime", false);
    int error = dist_parse(dist, text, use, region, why, sizeof(why));
    lua_pop(L, 1);
    if (error != 0) {
        snprintf(complaint->message, complaint->message_size, "%s: %s", complaint->where, why);
    }
    return error;
}

/* A cell of a joint distribution, at `index`. */
static int
read_cell(lua_State *L, int index, joint_cell_t *cell, region_t *region, const complaint_t *complaint) {
    cell->weight = number_field(L, index, "weight", 1e-30, 1e30);
    int error = read_dist(L, index, &cell->size, DIST_SIZE, region, complaint);
    error = error != 0 ? error : read_dist(L, index, &cell->lifetime, DIST_LIFETIME, region, complaint);
    if (error == 0 && cell->lifetime.kind == DIST_FIFO) {
        snprintf(complaint->message, complaint->message_size,
                 "%s: lifetime \"fifo\" needs a row of its own; allowed in joint: the other lifetimes",
                 complaint->where);
        return EINVAL;
    }
    return error;
}

/* The array `joint` on the top of the stack. */
static int
read_cells(lua_State *L, joint_t *joint, region_t *region, const complaint_t *complaint) {
    char where[64];
    complaint_t of_cell = {where, complaint->message, complaint->message_size};
    int array = lua_gettop(L), error = 0;
    for (size_t i = 0; i < joint->ncells && error == 0; i++) {
        int cell = push_element(L, array, i, "joint");
        snprintf(where, sizeof(where), "%s.joint[%zu]", complaint->where, i + 1);
        error = read_cell(L, cell, &joint->cells[i], region, &of_cell);
        lua_settop(L, array);
    }
    return error != 0 ? error : joint_finish(joint, region);
}

static int
read_joint(lua_State *L, int index, plan_row_t *row, region_t *region, const complaint_t *complaint) {
    size_t n = push_array(L, index, "joint", JOINT_MAX_CELLS);
    if (n == 0) {
        malformed(L, "joint");
    }
    joint_t *joint = joint_reserve(n, region);
    int error = joint == NULL ? ENOMEM : read_cells(L, joint, region, complaint);
    row->joint = joint;
    lua_pop(L, 1);
    return error;
}

static int
read_row(lua_State *L, int index, plan_row_t *row, region_t *region, const complaint_t *complaint) {
    read_scalars(L, index, row);
    read_threads(L, index, row);
    bool apart = push_field(L, index, "joint") == LUA_TNIL;
    lua_pop(L, 1);
    if (!apart) {
        return read_joint(L, index, row, region, complaint);
    }
    int error = read_dist(L, index, &row->size, DIST_SIZE, region, complaint);
    return error != 0 ? error : read_dist(L, index, &row->lifetime, DIST_LIFETIME, region, complaint);
}

static int
read_rows(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    push_array(L, index, "mix", PLAN_MAX_ROWS);
    int mix = lua_gettop(L), error = 0;
    for (size_t i = 0; i < plan->nrows && error == 0; i++) {
        int row = push_element(L, mix, i, "mix");
        char where[32];
        snprintf(where, sizeof(where), "mix[%zu]", i + 1);
        complaint_t complaint = {where, message, message_size};
        error = read_row(L, row, &plan->rows[i], &plan->region, &complaint);
        lua_settop(L, mix);
    }
    lua_settop(L, mix - 1);
    return error;
}

/* ---- phases ---- */

/* `set`: an array of { name, value }; value nil: an action. */
static void
read_settings(lua_State *L, int array, plan_setting_t *settings, size_t n, int keeper) {
    for (size_t i = 0; i < n; i++) {
        int pair = push_element(L, array, i, "set");
        settings[i].name = kept_string(L, pair, "name", false, keeper);
        push_field(L, pair, "value");
        settings[i].given = core_to_value(L, "workload", 1, lua_gettop(L), &settings[i].value);
        lua_rawseti(L, keeper, (lua_Integer)lua_rawlen(L, keeper) + 1);
        lua_pop(L, 1);
    }
}

void
lua_plan_read_change(lua_State *L, int index, plan_phase_t *change) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 10, NULL);
    size_t n = push_array(L, index, "set", 10000);
    int array = lua_gettop(L), keeper = array + 1;
    lua_createtable(L, 2 * (int)n + 1, 0);
    plan_setting_t *settings = lua_newuserdatauv(L, n * sizeof(*settings) + 1, 1);
    *change = (plan_phase_t){.at = (uint64_t)opt_number_field(L, index, "at", 0, 1e18, 0),
                             .scale = opt_number_field(L, index, "scale", 0, 1e9, -1),
                             .rate = opt_number_field(L, index, "rate", 0, 1e12, -1),
                             .mark = kept_string(L, index, "mark", true, keeper),
                             .settings = settings,
                             .nsettings = n};
    read_settings(L, array, settings, n, keeper);
    lua_pushvalue(L, keeper);
    lua_setiuservalue(L, -2, 1);
    lua_replace(L, array);
    lua_settop(L, array);
}

/* Copies the strings and settings of the phase from Lua's memory to the plan's. */
static bool
own_phase(plan_t *plan, plan_phase_t *phase) {
    plan_setting_t *settings = region_alloc(&plan->region, phase->nsettings * sizeof(*settings));
    bool ok = settings != NULL;
    for (size_t i = 0; ok && i < phase->nsettings; i++) {
        settings[i] = phase->settings[i];
        settings[i].name = region_string(&plan->region, settings[i].name);
        ok = settings[i].name != NULL;
        if (ok && settings[i].given && settings[i].value.type == LUNALLOC_STRING) {
            settings[i].value.v.s = region_string(&plan->region, settings[i].value.v.s);
            ok = settings[i].value.v.s != NULL;
        }
    }
    const char *mark = phase->mark;
    phase->mark = mark == NULL ? NULL : region_string(&plan->region, mark);
    phase->settings = settings;
    return ok && (mark == NULL || phase->mark != NULL);
}

/* Reads all phases. 0 or ENOMEM. */
static int
read_phases(lua_State *L, int index, plan_t *plan) {
    push_array(L, index, "phases", PLAN_MAX_PHASES);
    int phases = lua_gettop(L);
    bool ok = true;
    for (size_t i = 0; i < plan->nphases && ok; i++) {
        lua_plan_read_change(L, push_element(L, phases, i, "phases"), &plan->phases[i]);
        ok = own_phase(plan, &plan->phases[i]);
        lua_settop(L, phases);
    }
    lua_settop(L, phases - 1);
    return ok ? 0 : ENOMEM;
}

/* ---- the whole ---- */

/* Reads the fields of the whole description. */
static void
read_run(lua_State *L, int index, plan_t *plan) {
    const lua_Integer most = (lua_Integer)1 << 62;
    plan->threads = (uint32_t)integer_field(L, index, "threads", 1, PLAN_MAX_THREADS);
    plan->seed = (uint64_t)integer_field(L, index, "seed", LUA_MININTEGER, LUA_MAXINTEGER);
    plan->duration = (uint64_t)integer_field(L, index, "duration", 0, most);
    plan->ops = (uint64_t)integer_field(L, index, "ops", 0, most);
    plan->rate = number_field(L, index, "rate", 0, 1e12);
    plan->sample = (uint32_t)integer_field(L, index, "sample", 1, 1 << 30);
    plan->live_max = (uint64_t)integer_field(L, index, "live_max", 0, most);
    plan->interval = (uint64_t)integer_field(L, index, "interval", 1000000, most);
    push_field(L, index, "verify");
    plan->verify = lua_toboolean(L, -1);
    lua_pop(L, 1);
}

/* `trace`: the path of a file, which gives the threads and what they do. nil: none. 0 or an errno value. */
static int
read_trace(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    const char *path = push_string(L, index, "trace", true);
    int error = 0;
    if (path != NULL) {
        trace_t *trace = region_alloc(&plan->region, sizeof(*trace));
        plan->trace = trace;
        error = trace == NULL ? ENOMEM : trace_load(trace, path, &plan->region, message, message_size);
        plan->threads = error == 0 ? trace->nthreads : plan->threads;
    }
    lua_pop(L, 1);
    return error;
}

int
lua_plan_read(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 16, NULL);
    read_run(L, index, plan);
    size_t nrows = push_array(L, index, "mix", PLAN_MAX_ROWS);
    size_t nphases = push_array(L, index, "phases", PLAN_MAX_PHASES);
    lua_pop(L, 2);
    if (nrows == 0) {
        malformed(L, "mix");
    }
    int error = plan_reserve(plan, nrows, nphases) ? 0 : ENOMEM;
    if (error == 0) {
        error = read_rows(L, index, plan, message, message_size);
    }
    if (error == 0) {
        error = read_phases(L, index, plan);
    }
    if (error == 0) {
        error = read_trace(L, index, plan, message, message_size);
    }
    if (error == ENOMEM) {
        snprintf(message, message_size, "no memory for the plan of a workload");
    }
    return error != 0 || plan_finish(plan, message, message_size) ? error : EINVAL;
}

/*
 * lua_plan_rows.c -- the rows of a plan from those of a canonical description. See lua_workload.h.
 */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "lua_plan_fields.h"
#include "lua_workload.h"

/* The part of the description that is read, and where a message about it goes. */
typedef struct {
    const char *where;
    char *message;
    size_t message_size;
} complaint_t;

/* `on`: an array of thread numbers from 1; nil means all. */
static void
read_threads(lua_State *L, int index, plan_row_t *row) {
    if (field_push(L, index, "on") == LUA_TNIL) {
        memset(row->on, 0xff, sizeof(row->on));
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    size_t n = field_push_array(L, index, "on", PLAN_MAX_THREADS);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_Unsigned thread = (lua_Unsigned)lua_tointeger(L, -1) - 1;
        if (thread < PLAN_MAX_THREADS) {
            row->on[thread / 64] |= (uint64_t)1 << (thread % 64);
        } else {
            field_malformed(L, "on");
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Reads the fields of a row that are numbers. */
static void
read_scalars(lua_State *L, int index, plan_row_t *row) {
    row->weight = field_number(L, index, "weight", 0, 1e12);
    row->other = plan_share(field_number(L, index, "other", 0, 1));
    lua_Integer thread = field_integer(L, index, "thread", 0, PLAN_MAX_THREADS);
    row->freer = thread == 0 ? PLAN_ANY_OTHER : (uint32_t)(thread - 1);
    row->touch = field_number(L, index, "touch", 0, 1);
    row->writes = (uint32_t)field_integer(L, index, "writes", 0, 1000000);
    row->resized = plan_share(field_number(L, index, "realloc", 0, 1));
    row->resizes = (uint32_t)field_integer(L, index, "resizes", 1, PLAN_MAX_RESIZES);
    row->grow = field_number(L, index, "grow", 0, 1000);
    row->zeroed = plan_share(field_number(L, index, "zero", 0, 1));
    row->sized = plan_share(field_number(L, index, "sized", 0, 1));
    row->batch = (uint32_t)field_integer(L, index, "batch", 0, PLAN_MAX_BATCH);
    row->order = (plan_order_t)field_integer(L, index, "order", PLAN_FORWARD, PLAN_RANDOM);
    row->align = (size_t)field_integer(L, index, "align", 0, 1 << 30);
    if ((row->align & (row->align - 1)) != 0) {
        field_malformed(L, "align");
    }
}

/* Reads the field of that use. A message is that of dist_parse() after `where`: "mix[2]". */
static int
read_dist(lua_State *L, int index, dist_t *dist, dist_use_t use, region_t *region, const complaint_t *complaint) {
    char why[512];
    const char *text = field_push_string(L, index, use == DIST_SIZE ? "size" : "lifetime", false);
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
    cell->weight = field_number(L, index, "weight", 1e-30, 1e30);
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
        int cell = field_push_element(L, array, i, "joint");
        snprintf(where, sizeof(where), "%s.joint[%zu]", complaint->where, i + 1);
        error = read_cell(L, cell, &joint->cells[i], region, &of_cell);
        lua_settop(L, array);
    }
    return error != 0 ? error : joint_finish(joint, region);
}

static int
read_joint(lua_State *L, int index, plan_row_t *row, region_t *region, const complaint_t *complaint) {
    size_t n = field_push_array(L, index, "joint", JOINT_MAX_CELLS);
    if (n == 0) {
        field_malformed(L, "joint");
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
    bool apart = field_push(L, index, "joint") == LUA_TNIL;
    lua_pop(L, 1);
    if (!apart) {
        return read_joint(L, index, row, region, complaint);
    }
    int error = read_dist(L, index, &row->size, DIST_SIZE, region, complaint);
    return error != 0 ? error : read_dist(L, index, &row->lifetime, DIST_LIFETIME, region, complaint);
}

int
lua_plan_read_rows(lua_State *L, int index, plan_t *plan, char *message, size_t message_size) {
    field_push_array(L, index, "mix", PLAN_MAX_ROWS);
    int mix = lua_gettop(L), error = 0;
    for (size_t i = 0; i < plan->nrows && error == 0; i++) {
        int row = field_push_element(L, mix, i, "mix");
        char where[32];
        snprintf(where, sizeof(where), "mix[%zu]", i + 1);
        complaint_t complaint = {where, message, message_size};
        error = read_row(L, row, &plan->rows[i], &plan->region, &complaint);
        lua_settop(L, mix);
    }
    lua_settop(L, mix - 1);
    return error;
}

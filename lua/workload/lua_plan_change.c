/*
 * lua_plan_change.c -- changes of a workload, and the phases of a plan, from a canonical description. See
 * lua_workload.h.
 */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "lua_plan_fields.h"
#include "lua_workload.h"

/* ---- curves ---- */

/* The table of a curve on the top of the stack: { form =, period =, points = {ns, value, ...}, text = }. */
static void
read_curve(lua_State *L, double most, curve_t *curve) {
    int table = lua_gettop(L);
    const char *text = field_push_string(L, table, "text", false);
    *curve = (curve_t){.kind = (curve_kind_t)field_integer(L, table, "form", CURVE_LINES, CURVE_SINE),
                       .period = (uint64_t)field_integer(L, table, "period", 0, (lua_Integer)1 << 62)};
    snprintf(curve->text, sizeof(curve->text), "%s", text);
    size_t n = field_push_array(L, table, "points", 2 * CURVE_MAX_POINTS);
    curve->npoints = (uint32_t)n / 2;
    for (uint32_t i = 0; i < curve->npoints; i++) {
        lua_rawgeti(L, -1, 2 * (lua_Integer)i + 1);
        lua_rawgeti(L, -2, 2 * (lua_Integer)i + 2);
        curve_point_t *point = &curve->points[i];
        *point = (curve_point_t){.at = (uint64_t)lua_tointeger(L, -2), .value = lua_tonumber(L, -1)};
        if (!(point->value >= 0 && point->value <= most) || point->at > (uint64_t)1 << 62 ||
            (i > 0 && point->at < point[-1].at)) {
            field_malformed(L, "points");
        }
        lua_pop(L, 2);
    }
    if (n == 0 || n % 2 != 0 || (curve->kind == CURVE_SINE && (n != 4 || curve->period == 0))) {
        field_malformed(L, "points");
    }
    lua_settop(L, table);
}

double
lua_plan_read_level(lua_State *L, int index, const char *name, double most, curve_t *space, const curve_t **curve) {
    *curve = NULL;
    if (field_push(L, index, name) == LUA_TTABLE) {
        read_curve(L, most, space);
        *curve = space;
    }
    lua_pop(L, 1);
    return *curve != NULL ? -1 : field_opt_number(L, index, name, 0, most, -1);
}

/* ---- changes ---- */

/* Memory of a change, in a userdata. */
typedef struct {
    curve_t scale, rate;
    plan_setting_t settings[];
} change_memory_t;

/* `set`: an array of { name, value }; value nil: an action. */
static void
read_settings(lua_State *L, int array, plan_setting_t *settings, size_t n, int keeper) {
    for (size_t i = 0; i < n; i++) {
        int pair = field_push_element(L, array, i, "set");
        settings[i].name = field_kept_string(L, pair, "name", false, keeper);
        field_push(L, pair, "value");
        settings[i].given = core_to_value(L, "workload", 1, lua_gettop(L), &settings[i].value);
        lua_rawseti(L, keeper, (lua_Integer)lua_rawlen(L, keeper) + 1);
        lua_pop(L, 1);
    }
}

void
lua_plan_read_change(lua_State *L, int index, plan_phase_t *change) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 10, NULL);
    size_t n = field_push_array(L, index, "set", 10000);
    int array = lua_gettop(L), keeper = array + 1;
    lua_createtable(L, 2 * (int)n + 1, 0);
    change_memory_t *memory = lua_newuserdatauv(L, sizeof(*memory) + n * sizeof(memory->settings[0]), 1);
    *change = (plan_phase_t){.at = (uint64_t)field_opt_number(L, index, "at", 0, 1e18, 0),
                             .mark = field_kept_string(L, index, "mark", true, keeper),
                             .settings = memory->settings,
                             .nsettings = n};
    change->scale = lua_plan_read_level(L, index, "scale", 1e9, &memory->scale, &change->scale_curve);
    change->rate = lua_plan_read_level(L, index, "rate", 1e12, &memory->rate, &change->rate_curve);
    read_settings(L, array, memory->settings, n, keeper);
    lua_pushvalue(L, keeper);
    lua_setiuservalue(L, -2, 1);
    lua_replace(L, array);
    lua_settop(L, array);
}

/* ---- phases ---- */

/* A copy of the curve in the plan's memory. False without memory. */
static bool
own_curve(plan_t *plan, const curve_t **curve) {
    curve_t *copy = *curve == NULL ? NULL : region_alloc(&plan->region, sizeof(*copy));
    bool ok = *curve == NULL || copy != NULL;
    if (copy != NULL) {
        *copy = **curve;
    }
    *curve = copy;
    return ok;
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
    ok = own_curve(plan, &phase->scale_curve) && own_curve(plan, &phase->rate_curve) && ok;
    return ok && (mark == NULL || phase->mark != NULL);
}

int
lua_plan_read_phases(lua_State *L, int index, plan_t *plan) {
    field_push_array(L, index, "phases", PLAN_MAX_PHASES);
    int phases = lua_gettop(L);
    bool ok = true;
    for (size_t i = 0; i < plan->nphases && ok; i++) {
        lua_plan_read_change(L, field_push_element(L, phases, i, "phases"), &plan->phases[i]);
        ok = own_phase(plan, &plan->phases[i]);
        lua_settop(L, phases);
    }
    lua_settop(L, phases - 1);
    return ok ? 0 : ENOMEM;
}

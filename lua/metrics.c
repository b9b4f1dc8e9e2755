/*
 * metrics.c -- metrics(processes, gauges [, older]): the counters of several processes as one text for Prometheus.
 *
 *     processes   an array of { { "pid", "4242", "command", "redis-server" }, { a whole number or false for each
 *                               gauge }, a snapshot or nil }: labels, values, counters
 *     gauges      an array of { name, unit, doc }: figures that are no counters of the allocator's
 *     older       true: Prometheus's older text format; else OpenMetrics
 *
 * The tables hold every text and snapshot that is pointed to. They are arrays, since reading those by lua_rawgeti never
 * collects garbage: no finalizer can change a table between the first such pointer and the last use.
 */
#include "collect.h"
#include "core.h"
#include "snapshot.h"

#include <string.h>

/* Pushes t[i], which must be of that type; `what` is for the message. */
static void
push_item(lua_State *L, int t, lua_Integer i, int type, const char *what) {
    if (lua_rawgeti(L, t, i) != type) {
        luaL_error(L, "metrics: %s expected, got %s", what, luaL_typename(L, -1));
    }
}

/* t[i] as a text, which t keeps alive. */
static const char *
text_at(lua_State *L, int t, lua_Integer i) {
    push_item(L, t, i, LUA_TSTRING, "a text");
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static size_t
length_at_most(lua_State *L, int t, size_t most, const char *what) {
    size_t n = lua_rawlen(L, t);
    if (n > most) {
        luaL_error(L, "metrics: more than %d %s", (int)most, what);
    }
    return n;
}

static void
read_labels(lua_State *L, int t, snapshot_source_t *source) {
    source->nlabels = (uint32_t)(length_at_most(L, t, (size_t)SNAPSHOT_LABELS_MAX * 2, "labels") / 2);
    for (uint32_t i = 0; i < source->nlabels; i++) {
        source->labels[i] = (snapshot_label_t){text_at(L, t, 2 * i + 1), text_at(L, t, 2 * i + 2)};
    }
}

static void
read_values(lua_State *L, int t, snapshot_source_t *source) {
    for (uint32_t i = 0; i < SNAPSHOT_GAUGES_MAX; i++) {
        lua_rawgeti(L, t, (lua_Integer)i + 1);
        source->has_gauge[i] = lua_isinteger(L, -1);
        source->gauges[i] = lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
}

/* The process at the top, which it pops. */
static void
read_source(lua_State *L, snapshot_source_t *source) {
    int t = lua_gettop(L);
    push_item(L, t, 1, LUA_TTABLE, "a table of labels");
    read_labels(L, t + 1, source);
    push_item(L, t, 2, LUA_TTABLE, "a table of values");
    read_values(L, t + 2, source);
    lua_rawgeti(L, t, 3);
    source->snapshot = lua_isnil(L, -1) ? NULL : luaL_checkudata(L, -1, CORE_SNAPSHOT);
    lua_settop(L, t - 1);
}

static void
read_gauges(lua_State *L, int t, snapshot_gauge_t *gauges, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        push_item(L, t, (lua_Integer)i + 1, LUA_TTABLE, "a gauge");
        int gauge = lua_gettop(L);
        gauges[i] = (snapshot_gauge_t){text_at(L, gauge, 1), text_at(L, gauge, 2), text_at(L, gauge, 3)};
        lua_pop(L, 1);
    }
}

static int
metrics(lua_State *L) {
    snapshot_gauge_t gauges[SNAPSHOT_GAUGES_MAX];
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t n = length_at_most(L, 1, 1 << 16, "processes");
    snapshot_source_t *sources = lua_newuserdatauv(L, n * sizeof(*sources) + 1, 0);
    snapshot_metrics_t all = {.sources = sources, .nsources = n, .gauges = gauges, .older = lua_toboolean(L, 3)};
    memset(sources, 0, n * sizeof(*sources));
    all.ngauges = (uint32_t)length_at_most(L, 2, SNAPSHOT_GAUGES_MAX, "gauges");
    read_gauges(L, 2, gauges, all.ngauges);
    for (size_t i = 0; i < n; i++) {
        push_item(L, 1, (lua_Integer)i + 1, LUA_TTABLE, "a process");
        read_source(L, &sources[i]);
    }
    collected_t text = {0};
    snapshot_metrics(&all, collected_piece, &text);
    if (text.failed) {
        collected_free(&text);
        return core_fail(L, "ENOMEM", "no memory for the metrics");
    }
    return collected_push(L, &text);
}

void
core_open_metrics(lua_State *L) {
    lua_pushcfunction(L, metrics);
    lua_setfield(L, -2, "metrics");
}

/*
 * lua_report.c -- status, timeline and result of a run as Lua tables. See lua_workload.h.
 */
#include "lua_workload.h"

#include <stdio.h>

#include "core.h"

static void
set_unsigned(lua_State *L, const char *name, uint64_t value) {
    core_push_unsigned(L, value);
    core_set_value(L, name);
}

static void
set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    core_set_value(L, name);
}

/* status.calls: the number of calls of each kind. */
static void
set_calls(lua_State *L, const engine_status_t *status) {
    lua_createtable(L, 0, CALL_KINDS);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        set_unsigned(L, call_names[kind], status->calls[kind]);
    }
    core_set_value(L, "calls");
}

void
lua_report_status(lua_State *L, const engine_status_t *status) {
    static const char *const states[] = {
        [ENGINE_RUNNING] = "running", [ENGINE_FREEING] = "freeing", [ENGINE_DONE] = "done"};
    lua_createtable(L, 0, 20);
    core_set_string(L, "state", states[status->state]);
    set_number(L, "elapsed", status->seconds);
    set_number(L, "scale", status->scale);
    set_number(L, "rate", status->rate);
    set_unsigned(L, "ops", status->ops);
    set_number(L, "ops_per_s", status->ops_per_s);
    set_number(L, "executing", status->executing);
    set_number(L, "preparing", status->preparing);
    set_number(L, "clocking", status->clocking);
    set_unsigned(L, "live", status->live_bytes);
    set_unsigned(L, "blocks", status->live_blocks);
    set_unsigned(L, "rss", status->rss);
    set_unsigned(L, "failures", status->failures);
    set_unsigned(L, "capped", status->capped);
    set_unsigned(L, "handed", status->handed);
    set_unsigned(L, "checked", status->checked);
    set_unsigned(L, "errors", status->errors);
    set_calls(L, status);
}

/* Pushes an entry of the timeline. Fields of the allocator are absent without lunalloc. */
static void
push_entry(lua_State *L, const timeline_entry_t *entry) {
    lua_createtable(L, 0, 12);
    set_number(L, "t", (double)entry->time / 1e9);
    set_unsigned(L, "rss", entry->rss);
    set_unsigned(L, "live", entry->live);
    set_unsigned(L, "engine", entry->engine);
    set_unsigned(L, "ops", entry->ops);
    if (entry->allocator) {
        set_unsigned(L, "allocated", entry->allocated);
        set_unsigned(L, "active", entry->active);
        set_unsigned(L, "dirty", entry->dirty);
        set_unsigned(L, "muzzy", entry->muzzy);
        set_unsigned(L, "retained", entry->retained);
        set_number(L, "fragmentation", entry->active == 0 ? 0 : 1 - (double)entry->allocated / (double)entry->active);
    }
    if (entry->mark != NULL) {
        core_set_string(L, "mark", entry->mark);
    }
}

void
lua_report_timeline(lua_State *L, const timeline_entry_t *entries, size_t n) {
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_entry(L, &entries[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* ---- durations ---- */

static const struct {
    const char *name;
    double share;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}};

enum {
    NPERCENTILES = sizeof(percentiles) / sizeof(percentiles[0])
};

/* latency.approximate[name]: how it was got, if not from single calls. The table is at the top. */
static void
set_approximate(lua_State *L, const char *name, measured_t how) {
    static const char *const words[] = {[MEASURED_BATCHED] = "batches", [MEASURED_BELOW] = "below"};
    if (how != MEASURED_SINGLY) {
        core_set_string(L, name, words[how]);
    }
}

/* Whole ns stay integers. */
static void
set_duration(lua_State *L, const char *name, double ns, measured_t how) {
    if (how == MEASURED_BATCHED) {
        set_number(L, name, ns);
    } else {
        set_unsigned(L, name, (uint64_t)ns);
    }
}

/* Pushes the percentiles of one kind of call, in ns. */
static void
push_latency(lua_State *L, const durations_t *durations) {
    measured_t how[NPERCENTILES], how_mean;
    lua_createtable(L, 0, 10);
    for (size_t i = 0; i < NPERCENTILES; i++) {
        double ns = durations_percentile(durations, percentiles[i].share, &how[i]);
        set_duration(L, percentiles[i].name, ns, how[i]);
    }
    set_unsigned(L, "max", durations->single->max == 0 ? 1 : durations->single->max);
    set_number(L, "mean", durations_mean(durations, &how_mean));
    set_unsigned(L, "count", durations->single->count);
    set_unsigned(L, "batches", durations->batch->count);
    core_set_string(L, "unit", "ns");
    lua_createtable(L, 0, NPERCENTILES);
    for (size_t i = 0; i < NPERCENTILES; i++) {
        set_approximate(L, percentiles[i].name, how[i]);
    }
    set_approximate(L, "mean", how_mean);
    core_set_value(L, "approximate");
}

/* response: only if there was an open loop. */
static void
set_response(lua_State *L, const histogram_t *response) {
    static const histogram_t none;
    if (response->count != 0) {
        push_latency(L, &(durations_t){.single = response, .batch = &none, .per_batch = 1});
        core_set_value(L, "response");
    }
}

/* latency: only the kinds that have timed calls. */
static void
set_latency(lua_State *L, const latency_t *latency, uint64_t clock_cost) {
    lua_createtable(L, 0, CALL_KINDS);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        if (latency->single[kind].count != 0) {
            push_latency(L, &(durations_t){.single = &latency->single[kind],
                                           .batch = &latency->batch[kind],
                                           .per_batch = CALLS_BATCH,
                                           .clock_cost = clock_cost});
            core_set_value(L, call_names[kind]);
        }
    }
    core_set_value(L, "latency");
    set_response(L, &latency->response);
}

void
lua_report_segment(lua_State *L, const engine_segment_t *segment, uint64_t clock_cost) {
    uint64_t ns = segment->end.time - segment->before.time, ops = segment->end.ops - segment->before.ops;
    push_entry(L, &segment->end);
    core_set_boolean(L, "reached", segment->reached);
    set_number(L, "at", (double)segment->before.time / 1e9);
    set_number(L, "seconds", (double)ns / 1e9);
    set_unsigned(L, "ops", ops);
    set_number(L, "ops_per_s", segment->ops_per_s);
    set_unsigned(L, "failures", segment->failures);
    set_latency(L, &segment->latency, clock_cost);
}

/* Writes the fault as one line: its kind, its position and its block. */
static void
describe_fault(const fault_t *fault, char *text, size_t size) {
    char block[128];
    snprintf(block, sizeof(block), "mix[%u], thread %u, %zu bytes at %p", fault->row + 1, fault->thread + 1,
             fault->size, fault->ptr);
    switch (fault->kind) {
    case FAULT_ALIGNMENT:
        snprintf(text, size, "not aligned to %zu: %s", fault->offset, block);
        break;
    case FAULT_NOT_ZERO:
        snprintf(text, size, "calloc gave a block that is not zero: byte %zu is 0x%02x: %s", fault->offset,
                 fault->found, block);
        break;
    case FAULT_REALLOC:
        snprintf(text, size, "realloc lost contents: byte %zu is 0x%02x, was 0x%02x: %s", fault->offset, fault->found,
                 fault->expected, block);
        break;
    default:
        snprintf(text, size,
                 "contents changed while the block was live (another block overlaps it?): "
                 "byte %zu is 0x%02x, was 0x%02x: %s",
                 fault->offset, fault->found, fault->expected, block);
    }
}

/* result.verify: the number of checks and of errors, and the first error. */
static void
set_verify(lua_State *L, const engine_result_t *result) {
    char text[512];
    lua_newtable(L);
    set_unsigned(L, "checked", result->total.checked);
    set_unsigned(L, "errors", result->total.errors);
    if (result->fault.kind != FAULT_NONE) {
        describe_fault(&result->fault, text, sizeof(text));
        core_set_string(L, "first", text);
    }
    core_set_value(L, "verify");
}

void
lua_report_result(lua_State *L, const engine_result_t *result) {
    char hash[20];
    lua_report_status(L, &result->total);
    lua_pushnil(L);
    core_set_value(L, "state");
    set_number(L, "seconds", result->total.seconds);
    lua_pushnil(L);
    core_set_value(L, "elapsed");
    set_latency(L, &result->latency, result->clock_cost);
    set_verify(L, result);
    set_unsigned(L, "clock_ns", result->clock_cost);
    set_number(L, "max_lag", (double)result->max_lag / 1e9);
    set_unsigned(L, "peak_rss", result->peak_rss);
    set_unsigned(L, "base_rss", result->base_rss);
    set_unsigned(L, "failed_sets", result->failed_sets);
    core_set_boolean(L, "stopped", result->stopped);
    if (result->problem != NULL) {
        core_set_string(L, "problem", result->problem);
    }
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)result->hash);
    core_set_string(L, "sizes_hash", hash);
}

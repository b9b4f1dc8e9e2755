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
    lua_createtable(L, 0, 16);
    core_set_string(L, "state", states[status->state]);
    set_number(L, "elapsed", status->seconds);
    set_number(L, "scale", status->scale);
    set_number(L, "rate", status->rate);
    set_unsigned(L, "ops", status->ops);
    set_number(L, "ops_per_s", status->seconds > 0 ? (double)status->ops / status->seconds : 0);
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

/* Pushes the percentiles of one kind of call, in ns. */
static void
push_latency(lua_State *L, const histogram_t *histogram) {
    lua_createtable(L, 0, 8);
    set_unsigned(L, "p50", histogram_percentile(histogram, 0.5));
    set_unsigned(L, "p90", histogram_percentile(histogram, 0.9));
    set_unsigned(L, "p99", histogram_percentile(histogram, 0.99));
    set_unsigned(L, "p99_9", histogram_percentile(histogram, 0.999));
    set_unsigned(L, "max", histogram->max);
    set_number(L, "mean", (double)histogram->total / (double)histogram->count);
    set_unsigned(L, "count", histogram->count);
    core_set_string(L, "unit", "ns");
}

/* Only the kinds that have timed calls. */
static void
set_latency(lua_State *L, const engine_result_t *result) {
    lua_newtable(L);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        if (result->latency[kind].count != 0) {
            push_latency(L, &result->latency[kind]);
            core_set_value(L, call_names[kind]);
        }
    }
    core_set_value(L, "latency");
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
    set_latency(L, result);
    set_verify(L, result);
    set_unsigned(L, "clock_ns", result->clock_cost);
    set_number(L, "max_lag", (double)result->max_lag / 1e9);
    set_unsigned(L, "peak_rss", result->peak_rss);
    set_unsigned(L, "base_rss", result->base_rss);
    set_unsigned(L, "failed_sets", result->failed_sets);
    core_set_boolean(L, "stopped", result->stopped);
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)result->hash);
    core_set_string(L, "sizes_hash", hash);
}

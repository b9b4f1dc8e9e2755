/*
 * lua_tally.c -- see lua_tally.h. The table of a tally:
 *
 *   total = sums, peak_time, first, last, events, unknown, missing, lost, other_sizes, late
 *   kinds = { [name] = { count=, bytes= } }      alignments = { [bytes] = count }
 * classes = { { class=, size=, <sums>, parts = {...}, life_time = {...}, life_bytes = {...}, mean_life_bytes= }, ... }
 * threads = { <sums>, ... }                    sizes = { [size] = count } columns = { { time=, peak=, last= }, ... }
 * only those in which something happened sums: allocations, frees, bytes, reallocs, cross, live, live_bytes, peak,
 * peak_bytes
 *
 * That of cells: blocks, ended, cross, sized, zeroed, resized, resizes, product (bytes times lifetime), mean_live
 * (bytes), alignments; cells = { { class=, count=, size= (mean), life= (mean; nil: forever), age= (mean) }, ... }
 */
#include "lua_tally.h"

#include <math.h>

static void
set_unsigned(lua_State *L, const char *name, uint64_t value) {
    core_push_unsigned(L, value);
    core_set_value(L, name);
}

static void
set_sums(lua_State *L, const tally_sums_t *sums) {
    set_unsigned(L, "allocations", sums->allocations);
    set_unsigned(L, "frees", sums->frees);
    set_unsigned(L, "bytes", sums->bytes);
    set_unsigned(L, "reallocs", sums->reallocs);
    set_unsigned(L, "cross", sums->cross);
    set_unsigned(L, "live", sums->live);
    set_unsigned(L, "live_bytes", sums->live_bytes);
    set_unsigned(L, "peak", sums->peak);
    set_unsigned(L, "peak_bytes", sums->peak_bytes);
}

/* t[name] = an array of the n counts. */
static void
set_counts(lua_State *L, const char *name, const uint64_t *counts, int n) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        core_push_unsigned(L, counts[i]);
        lua_rawseti(L, -2, i + 1);
    }
    core_set_value(L, name);
}

static void
push_class(lua_State *L, const tally_class_t *class, uint32_t index) {
    uint64_t lives = 0;
    for (int i = 0; i < TALLY_LIFETIMES; i++) {
        lives += class->life_time[i];
    }
    lua_createtable(L, 0, 16);
    core_set_integer(L, "class", index);
    set_unsigned(L, "size", trace_class_size(index));
    set_sums(L, &class->sums);
    set_counts(L, "parts", class->parts, TALLY_PARTS);
    set_counts(L, "life_time", class->life_time, TALLY_LIFETIMES);
    set_counts(L, "life_bytes", class->life_bytes, TALLY_LIFETIMES);
    if (lives > 0) {
        lua_pushnumber(L, class->sum_life_bytes / (double)lives);
        core_set_value(L, "mean_life_bytes");
    }
}

/* Those that occur. */
static void
push_classes(lua_State *L, const trace_tally_t *tally) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < TRACE_CLASSES; i++) {
        const tally_sums_t *sums = &tally->classes[i].sums;
        if (sums->allocations + sums->frees + sums->peak > 0) {
            push_class(L, &tally->classes[i], i);
            lua_rawseti(L, -2, ++n);
        }
    }
}

static void
push_kinds(lua_State *L, const trace_tally_t *tally) {
    lua_newtable(L);
    for (uint32_t kind = 1; kind < RECORD_KINDS; kind++) {
        if (tally->kinds[kind] > 0) {
            lua_createtable(L, 0, 2);
            set_unsigned(L, "count", tally->kinds[kind]);
            set_unsigned(L, "bytes", tally->kind_bytes[kind]);
            core_set_value(L, record_kind_name(kind));
        }
    }
}

static void
push_threads(lua_State *L, const trace_tally_t *tally) {
    const tally_thread_t *threads = tally->threads.data;
    lua_createtable(L, (int)tally->threads.n, 0);
    for (size_t i = 0; i < tally->threads.n; i++) {
        lua_createtable(L, 0, 11);
        set_sums(L, &threads[i].sums);
        set_unsigned(L, "events", threads[i].events);
        set_unsigned(L, "lost", threads[i].lost);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void
push_sizes(lua_State *L, const trace_tally_t *tally) {
    const tally_size_t *sizes = tally->sizes.data;
    lua_createtable(L, 0, (int)tally->nsizes);
    for (size_t i = 0; i < tally->sizes.n; i++) {
        if (sizes[i].count > 0) {
            core_push_unsigned(L, sizes[i].count);
            lua_rawseti(L, -2, (lua_Integer)sizes[i].size);
        }
    }
}

/* The counts of each log2. */
static void
push_powers(lua_State *L, const uint64_t *counts) {
    lua_newtable(L);
    for (int i = 1; i < 63; i++) {
        if (counts[i] > 0) {
            core_push_unsigned(L, counts[i]);
            lua_rawseti(L, -2, (lua_Integer)1 << i);
        }
    }
}

static void
push_alignments(lua_State *L, const trace_tally_t *tally) {
    push_powers(L, tally->alignments);
}

static void
push_columns(lua_State *L, const trace_tally_t *tally) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint64_t i = 0; i < TALLY_COLUMNS; i++) {
        const tally_column_t *column = &tally->columns[i];
        if (column->any) {
            lua_createtable(L, 0, 3);
            set_unsigned(L, "time", tally->whole.begin + i * tally->whole.width);
            set_unsigned(L, "peak", column->peak);
            set_unsigned(L, "last", column->last);
            lua_rawseti(L, -2, ++n);
        }
    }
}

static void
set_rest(lua_State *L, const trace_tally_t *tally) {
    set_unsigned(L, "events", tally->whole.events);
    set_unsigned(L, "first", tally->whole.events == 0 ? 0 : tally->whole.first);
    set_unsigned(L, "last", tally->whole.last);
    set_unsigned(L, "peak_time", tally->whole.peak_time);
    set_unsigned(L, "unknown", tally->whole.unknown);
    set_unsigned(L, "missing", tally->whole.missing);
    set_unsigned(L, "lost", tally->whole.lost);
    set_unsigned(L, "other_sizes", tally->whole.other_sizes);
    set_unsigned(L, "late", tally->whole.late);
}

void
lua_tally_push(lua_State *L, const trace_tally_t *tally) {
    static const struct {
        const char *name;
        void (*push)(lua_State *L, const trace_tally_t *tally);
    } parts[] = {{"classes", push_classes}, {"kinds", push_kinds},           {"threads", push_threads},
                 {"sizes", push_sizes},     {"alignments", push_alignments}, {"columns", push_columns}};
    lua_createtable(L, 0, 16);
    set_rest(L, tally);
    lua_createtable(L, 0, 9);
    set_sums(L, &tally->whole.total);
    core_set_value(L, "total");
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        parts[i].push(L, tally);
        core_set_value(L, parts[i].name);
    }
}

/* ---- cells ---- */

static void
set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    core_set_value(L, name);
}

static void
push_cell(lua_State *L, uint32_t class, const trace_cell_t *cell, bool forever) {
    lua_createtable(L, 0, 5);
    core_set_integer(L, "class", class);
    set_unsigned(L, "count", cell->count);
    set_number(L, "size", cell->size / (double)cell->count);
    set_number(L, forever ? "age" : "life", cell->life / (double)cell->count);
}

void
lua_cells_push(lua_State *L, const trace_cells_t *cells) {
    lua_Integer n = 0;
    lua_createtable(L, 0, 12);
    set_unsigned(L, "blocks", cells->whole.blocks);
    set_unsigned(L, "ended", cells->whole.ended);
    set_unsigned(L, "cross", cells->whole.cross);
    set_unsigned(L, "sized", cells->whole.sized);
    set_unsigned(L, "zeroed", cells->whole.zeroed);
    set_unsigned(L, "resized", cells->whole.resized);
    set_unsigned(L, "resizes", cells->whole.resizes);
    set_number(L, "product", cells->whole.product);
    set_number(L, "mean_live", cells->whole.blocks == 0 ? 0 : cells->whole.byte_blocks / (double)cells->whole.blocks);
    push_powers(L, cells->whole.alignments);
    core_set_value(L, "alignments");
    lua_newtable(L);
    for (uint32_t class = 0; class < TRACE_CLASSES; class ++) {
        for (int life = 0; life < CELLS_LIVES; life++) {
            if (cells->cells[class][life].count > 0) {
                push_cell(L, class, &cells->cells[class][life], life == CELLS_FOREVER);
                lua_rawseti(L, -2, ++n);
            }
        }
    }
    core_set_value(L, "cells");
}

/* raster.c -- see raster.h. */
#include "map/raster.h"

#include <string.h>

enum {
    PAGE = 4096 /* cells are seldom smaller */
};

/* ---- layouts ---- */

static uint64_t
cells_of(const map_span_t *span, uint64_t cell_bytes) {
    return (span->end - span->start - 1) / cell_bytes + 1;
}

bool
map_layout_check(const map_layout_t *layout) {
    uint64_t address = 0, cell = 0;
    if (layout->cell_bytes == 0) {
        return false;
    }
    for (size_t i = 0; i < layout->nspans; i++) {
        const map_span_t *span = &layout->spans[i];
        if (span->start < address || span->end <= span->start || span->cell < cell || span->cell > layout->ncells ||
            cells_of(span, layout->cell_bytes) > layout->ncells - span->cell) {
            return false;
        }
        address = span->end;
        cell = span->cell + cells_of(span, layout->cell_bytes);
    }
    return true;
}

/* ---- the painter ---- */

/* The key with most bytes. */
static char
most(const uint64_t *sums, uint64_t used) {
    unsigned best = (unsigned)__builtin_ctzll(used);
    for (uint64_t rest = used & (used - 1); rest != 0; rest &= rest - 1) {
        unsigned key = (unsigned)__builtin_ctzll(rest);
        best = sums[key] > sums[best] ? key : best;
    }
    return (char)(MAP_EMPTY + 1 + best);
}

void
map_painter_begin(map_painter_t *painter, const map_layout_t *layout, char *cells, map_totals_t *totals) {
    *painter = (map_painter_t){.layout = layout, .cells = cells, .totals = totals, .choose = most};
    memset(cells, MAP_EMPTY, layout->ncells);
    *totals = (map_totals_t){0};
}

/* Writes the present cell. */
static void
flush(map_painter_t *painter) {
    if (painter->used == 0) {
        return;
    }
    char chosen = painter->choose(painter->sums, painter->used);
    painter->cells[painter->cell] = chosen;
    painter->totals->cells[chosen - MAP_EMPTY - 1]++;
    for (uint64_t rest = painter->used; rest != 0; rest &= rest - 1) {
        unsigned key = (unsigned)__builtin_ctzll(rest);
        painter->totals->bytes[key] += painter->sums[key];
        painter->sums[key] = 0;
    }
    painter->used = 0;
}

/* Makes the cell of an address in the present span the present one. */
static void
enter(map_painter_t *painter, const map_span_t *span, uint64_t address) {
    uint64_t step = painter->layout->cell_bytes, nth = (address - span->start) / step;
    flush(painter);
    painter->cell = span->cell + nth;
    uint64_t left = span->end - span->start - nth * step;
    painter->cell_end = span->start + nth * step + (left < step ? left : step);
}

static void
count(map_painter_t *painter, uint64_t bytes, unsigned key) {
    painter->sums[key] += bytes;
    painter->used |= UINT64_C(1) << key;
}

/* Whole cells at once: from an address at the start of a cell on. Returns where they end. */
static uint64_t
fill(map_painter_t *painter, const map_span_t *span, uint64_t from, uint64_t to, unsigned key) {
    uint64_t step = painter->layout->cell_bytes, n = (to - from) / step;
    if (n < 2 || (from - span->start) % step != 0) {
        return from;
    }
    flush(painter);
    uint64_t one[MAP_KEYS] = {0};
    one[key] = step;
    char chosen = painter->choose(one, UINT64_C(1) << key);
    memset(&painter->cells[span->cell + (from - span->start) / step], chosen, n);
    painter->totals->cells[chosen - MAP_EMPTY - 1] += n;
    painter->totals->bytes[key] += n * step;
    painter->cell_end = 0;
    return from + n * step;
}

/* The part of a piece that is in one span. */
static void
paint_span(map_painter_t *painter, const map_span_t *span, uint64_t from, uint64_t to, unsigned key) {
    while (from < to) {
        if (painter->used == 0 || from >= painter->cell_end) {
            from = fill(painter, span, from, to, key);
            if (from == to) {
                return;
            }
            enter(painter, span, from);
        }
        uint64_t end = to < painter->cell_end ? to : painter->cell_end;
        count(painter, end - from, key);
        from = end;
    }
}

void
map_paint(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key) {
    const map_layout_t *layout = painter->layout;
    if (painter->used != 0 && to <= painter->cell_end) {
        count(painter, to - from, key);
        return;
    }
    while (painter->span < layout->nspans && layout->spans[painter->span].end <= from) {
        painter->span++;
    }
    for (size_t i = painter->span; i < layout->nspans && layout->spans[i].start < to; i++) {
        const map_span_t *span = &layout->spans[i];
        uint64_t start = from > span->start ? from : span->start, end = to < span->end ? to : span->end;
        paint_span(painter, span, start, end, key);
    }
}

void
map_painter_end(map_painter_t *painter) {
    flush(painter);
}

/* ---- pictures of a set ---- */

/* 0 is free, 1 is in use. */
static char
level(const uint64_t *sums, uint64_t used) {
    uint64_t all = sums[0] + sums[1];
    (void)used;
    return (char)(MAP_EMPTY + 1 + (sums[1] == 0 ? 0 : (sums[1] * MAP_LEVELS - 1) / all + 1));
}

/* Where the cell ends in which `from` is; if that is not known yet, a page further. */
static uint64_t
piece_end(const map_painter_t *painter, uint64_t from, uint64_t end) {
    bool known = painter->used != 0 && from < painter->cell_end;
    uint64_t to = known ? painter->cell_end : from + PAGE;
    return to < end ? to : end;
}

/* A slab's free regions are anywhere in it: each cell gets its share. */
static void
paint_occupancy(map_painter_t *painter, const extent_set_t *set, const extent_entry_t *entry) {
    uint64_t used = extent_used(set, entry), end = entry->addr + entry->size, done = 0;
    if (used == 0 || used == entry->size) {
        map_paint(painter, entry->addr, end, used != 0);
        return;
    }
    for (uint64_t from = entry->addr, to; from < end; from = to) {
        to = piece_end(painter, from, end);
        double share = (double)used * (double)(to - entry->addr) / (double)entry->size;
        uint64_t some = (to == end ? used : (uint64_t)share) - done;
        some = some < to - from ? some : to - from;
        map_paint(painter, from, from + some, 1);
        map_paint(painter, from + some, to, 0);
        done += some;
    }
}

/* Both are ascending; *run is the first that may concern the entry. */
static void
paint_residency(map_painter_t *painter, const residency_t *residency, size_t *run, const extent_entry_t *entry) {
    uint64_t at = entry->addr, end = at + entry->size;
    while (*run < residency->n && residency->all[*run].end <= at) {
        ++*run;
    }
    for (size_t i = *run; i < residency->n && residency->all[i].start < end; i++) {
        uint64_t start = residency->all[i].start > at ? residency->all[i].start : at;
        uint64_t stop = residency->all[i].end < end ? residency->all[i].end : end;
        map_paint(painter, at, start, RESIDENCY_ABSENT);
        map_paint(painter, start, stop, residency->all[i].kind);
        at = stop;
    }
    map_paint(painter, at, end, RESIDENCY_ABSENT);
}

void
map_raster(const extent_set_t *set, const residency_t *residency, const map_keys_t *keys, const map_layout_t *layout,
           char *cells, map_totals_t *totals) {
    map_painter_t painter;
    size_t run = 0;
    map_painter_begin(&painter, layout, cells, totals);
    painter.choose = keys->by == MAP_BY_OCCUPANCY ? level : most;
    for (size_t i = 0; i < set->n; i++) {
        const extent_entry_t *entry = &set->all[i];
        if (keys->only != LUNALLOC_ALL && keys->only != entry->arena) {
            continue;
        }
        if (keys->by == MAP_BY_OCCUPANCY) {
            paint_occupancy(&painter, set, entry);
        } else if (keys->by == MAP_BY_RESIDENCY) {
            paint_residency(&painter, residency, &run, entry);
        } else {
            map_paint(&painter, entry->addr, entry->addr + entry->size, map_key_of(keys, set, entry));
        }
    }
    map_painter_end(&painter);
}

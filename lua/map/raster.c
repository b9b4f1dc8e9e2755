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
map_painter_begin(map_painter_t *painter, const map_layout_t *layout, map_choose_t *choose, char *cells,
                  map_totals_t *totals) {
    *painter =
        (map_painter_t){.layout = layout, .cells = cells, .totals = totals, .choose = choose != NULL ? choose : most};
    memset(cells, MAP_EMPTY, layout->ncells);
    *totals = (map_totals_t){0};
    for (unsigned key = 0; key < MAP_KEYS; key++) {
        painter->sums[key] = layout->cell_bytes;
        painter->whole[key] = painter->choose(painter->sums, UINT64_C(1) << key);
        painter->sums[key] = 0;
    }
}

/* Writes the present cell, which has bytes. */
static void
write_cell(map_painter_t *painter) {
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

static inline void
flush(map_painter_t *painter) {
    if (painter->used != 0) {
        write_cell(painter);
    }
}

/* Makes the cell of an address in the present span the present one. Mostly it is the next one: no division then. */
static void
enter(map_painter_t *painter, const map_span_t *span, uint64_t address) {
    uint64_t step = painter->layout->cell_bytes, start = address;
    flush(painter);
    if (address == painter->cell_end && address != span->start) {
        painter->cell++;
    } else {
        uint64_t nth = (address - span->start) / step;
        painter->cell = span->cell + nth;
        start = span->start + nth * step;
    }
    painter->cell_end = span->end - start < step ? span->end : start + step;
}

static void
count(map_painter_t *painter, uint64_t bytes, unsigned key) {
    painter->sums[key] += bytes;
    painter->used |= UINT64_C(1) << key;
}

/* Whole cells at once, from the start of the present one on, which is empty. Returns where they end. */
static uint64_t
fill(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key) {
    uint64_t step = painter->layout->cell_bytes, n = (to - from) / step;
    char chosen = painter->whole[key];
    memset(&painter->cells[painter->cell], chosen, n);
    painter->totals->cells[chosen - MAP_EMPTY - 1] += n;
    painter->totals->bytes[key] += n * step;
    painter->cell += n - 1;
    painter->cell_end = from + n * step;
    return painter->cell_end;
}

/* The part of a piece that is in one span. */
static void
paint_span(map_painter_t *painter, const map_span_t *span, uint64_t from, uint64_t to, unsigned key) {
    uint64_t step = painter->layout->cell_bytes;
    while (from < to) {
        if (from >= painter->cell_end) {
            enter(painter, span, from);
            if (to - from >= 2 * step && painter->cell_end - from == step) {
                from = fill(painter, from, to, key);
                continue;
            }
        }
        uint64_t end = to < painter->cell_end ? to : painter->cell_end;
        count(painter, end - from, key);
        from = end;
    }
}

/* A piece that is not in the present cell alone. */
static void
paint_spans(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key) {
    const map_layout_t *layout = painter->layout;
    while (painter->span < layout->nspans && layout->spans[painter->span].end <= from) {
        painter->span++;
    }
    for (size_t i = painter->span; i < layout->nspans && layout->spans[i].start < to; i++) {
        const map_span_t *span = &layout->spans[i];
        uint64_t start = from > span->start ? from : span->start, end = to < span->end ? to : span->end;
        paint_span(painter, span, start, end, key);
    }
}

/* Small ones end where they begin: in a cell that has bytes already. */
static inline void
paint(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key) {
    if (painter->used != 0 && to <= painter->cell_end) {
        count(painter, to - from, key);
    } else {
        paint_spans(painter, from, to, key);
    }
}

void
map_paint(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key) {
    paint(painter, from, to, key);
}

void
map_painter_end(map_painter_t *painter) {
    flush(painter);
}

/* ---- pictures of a set ---- */

/* By occupancy. */
enum {
    FREE,
    USED,
    DISCARDED
};

static char
level(const uint64_t *sums, uint64_t used) {
    uint64_t all = sums[FREE] + sums[USED];
    (void)used;
    if (sums[DISCARDED] > all) {
        return MAP_EMPTY + 1 + MAP_LEVELS + 1;
    }
    return (char)(MAP_EMPTY + 1 + (sums[USED] == 0 ? 0 : (sums[USED] * MAP_LEVELS - 1) / all + 1));
}

static inline bool
is_drawn(const map_picture_t *picture, const extent_entry_t *entry) {
    return picture->keys->only == LUNALLOC_ALL || picture->keys->only == entry->arena;
}

/* Where the cell ends in which `from` is; if that is not known yet, a page further. */
static uint64_t
piece_end(const map_painter_t *painter, uint64_t from, uint64_t end) {
    bool known = from < painter->cell_end;
    uint64_t to = known ? painter->cell_end : from + PAGE;
    return to < end ? to : end;
}

/* A part of an entry, which lies anywhere in it. */
typedef struct {
    uint64_t bytes, done; /* done: that are painted */
    unsigned key;
} part_t;

/* Paints so many bytes of a part from `from` on, at most up to `to`. Returns where they end. */
static uint64_t
paint_part(map_painter_t *painter, part_t *part, uint64_t due, uint64_t from, uint64_t to) {
    uint64_t some = due > part->done ? due - part->done : 0;
    some = some < to - from ? some : to - from;
    paint(painter, from, from + some, part->key);
    part->done += some;
    return from + some;
}

static uint64_t
share(uint64_t bytes, uint64_t reached, uint64_t size) {
    return reached == size ? bytes : (uint64_t)((double)bytes * (double)reached / (double)size);
}

/* Each cell gets its share of the two parts: that of the first is rounded down, that of the second up, so that no byte
 * is lost where they fill the entry. The rest has the key `rest`. */
static void
paint_shares(map_painter_t *painter, const extent_entry_t *entry, part_t first, part_t second, unsigned rest) {
    uint64_t size = entry->size, end = entry->addr + size;
    for (uint64_t from = entry->addr, to; from < end; from = to) {
        to = piece_end(painter, from, end);
        uint64_t reached = to - entry->addr;
        uint64_t at = paint_part(painter, &first, share(first.bytes, reached, size), from, to);
        at = paint_part(painter, &second, reached - share(size - second.bytes, reached, size), at, to);
        paint(painter, at, to, rest);
    }
}

static void
paint_occupancy(map_painter_t *painter, const extent_set_t *set, const extent_entry_t *entry) {
    uint64_t used = extent_used(set, entry), discarded = extent_discarded(entry);
    if (used == entry->size || (used == 0 && discarded == 0)) {
        paint(painter, entry->addr, entry->addr + entry->size, used != 0 ? USED : FREE);
        return;
    }
    discarded = discarded < entry->size - used ? discarded : entry->size - used;
    part_t live = {.bytes = used, .key = USED}, given_back = {.bytes = discarded, .key = DISCARDED};
    paint_shares(painter, entry, live, given_back, FREE);
}

static void
paint_state(map_painter_t *painter, const extent_entry_t *entry) {
    uint64_t discarded = extent_discarded(entry);
    if (discarded == 0) {
        paint(painter, entry->addr, entry->addr + entry->size, entry->state);
        return;
    }
    part_t none = {.key = entry->state}, given_back = {.bytes = discarded, .key = EXTENT_STATES};
    paint_shares(painter, entry, none, given_back, entry->state);
}

/* Pages that are not in memory: as many as were discarded, the first ones, have another key than those that nobody has
 * touched yet. */
static void
paint_absent(map_painter_t *painter, uint64_t from, uint64_t to, uint64_t *discarded) {
    uint64_t some = *discarded < to - from ? *discarded : to - from;
    paint(painter, from, from + some, RESIDENCY_KINDS);
    paint(painter, from + some, to, RESIDENCY_ABSENT);
    *discarded -= some;
}

/* Both are ascending; *run is the first that may concern the entry. */
static void
paint_residency(map_painter_t *painter, const residency_t *residency, size_t *run, const extent_entry_t *entry) {
    uint64_t at = entry->addr, end = at + entry->size, discarded = extent_discarded(entry);
    while (*run < residency->n && residency->all[*run].end <= at) {
        ++*run;
    }
    for (size_t i = *run; i < residency->n && residency->all[i].start < end; i++) {
        uint64_t start = residency->all[i].start > at ? residency->all[i].start : at;
        uint64_t stop = residency->all[i].end < end ? residency->all[i].end : end;
        paint_absent(painter, at, start, &discarded);
        paint(painter, start, stop, residency->all[i].kind);
        at = stop;
    }
    paint_absent(painter, at, end, &discarded);
}

static void
add_occupancy(map_picture_t *picture, const extent_entry_t *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (is_drawn(picture, &entries[i])) {
            paint_occupancy(&picture->painter, picture->set, &entries[i]);
        }
    }
}

static void
add_residency(map_picture_t *picture, const extent_entry_t *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (is_drawn(picture, &entries[i])) {
            paint_residency(&picture->painter, picture->residency, &picture->run, &entries[i]);
        }
    }
}

static void
add_states(map_picture_t *picture, const extent_entry_t *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (is_drawn(picture, &entries[i])) {
            paint_state(&picture->painter, &entries[i]);
        }
    }
}

static void
add_keys(map_picture_t *picture, const extent_entry_t *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (is_drawn(picture, &entries[i])) {
            paint(&picture->painter, entries[i].addr, entries[i].addr + entries[i].size,
                  map_key_of(picture->keys, picture->set, &entries[i]));
        }
    }
}

void
map_picture_begin(map_picture_t *picture, const extent_set_t *set, const residency_t *residency, const map_keys_t *keys,
                  const map_layout_t *layout, char *cells, map_totals_t *totals) {
    picture->set = set;
    picture->residency = residency;
    picture->keys = keys;
    picture->run = 0;
    map_painter_begin(&picture->painter, layout, keys->by == MAP_BY_OCCUPANCY ? level : NULL, cells, totals);
}

void
map_picture_add(map_picture_t *picture, const extent_entry_t *entries, size_t n) {
    switch (picture->keys->by) {
    case MAP_BY_OCCUPANCY:
        add_occupancy(picture, entries, n);
        break;
    case MAP_BY_RESIDENCY:
        add_residency(picture, entries, n);
        break;
    case MAP_BY_STATE:
        add_states(picture, entries, n);
        break;
    default:
        add_keys(picture, entries, n);
    }
}

void
map_picture_end(map_picture_t *picture) {
    map_painter_end(&picture->painter);
}

void
map_raster(const extent_set_t *set, const residency_t *residency, const map_keys_t *keys, const map_layout_t *layout,
           char *cells, map_totals_t *totals) {
    map_picture_t picture;
    map_picture_begin(&picture, set, residency, keys, layout, cells, totals);
    map_picture_add(&picture, set->all, set->n);
    map_picture_end(&picture);
}

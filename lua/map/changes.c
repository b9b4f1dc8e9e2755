/* changes.c -- see changes.h. */
#include "map/changes.h"

#include <string.h>

static bool
is_used(const extent_entry_t *entry) {
    return entry->state == LUNALLOC_ACTIVE || entry->state == LUNALLOC_BUSY;
}

/* Both in use: is it the same kind of extent? */
static bool
is_same_use(const extent_entry_t *before, const extent_entry_t *after) {
    return before->szind == after->szind && before->arena == after->arena &&
           (before->flags & EXTENT_SLAB) == (after->flags & EXTENT_SLAB);
}

change_kind_t
change_of(const extent_entry_t *before, const extent_entry_t *after) {
    if (before == NULL || after == NULL) {
        return before == NULL ? CHANGE_APPEARED : CHANGE_GONE;
    }
    if (is_used(before) != is_used(after)) {
        return is_used(after) ? CHANGE_ALLOCATED : CHANGE_FREED;
    }
    if (is_used(before)) {
        return is_same_use(before, after) ? CHANGE_NONE : CHANGE_REUSED;
    }
    return after->state > before->state ? CHANGE_PURGED : after->state < before->state ? CHANGE_REUSED : CHANGE_NONE;
}

/* ---- the sweep ---- */

typedef void visit_t(void *context, uint64_t from, uint64_t to, const extent_entry_t *before,
                     const extent_entry_t *after);

/* Where a set is: the extent that ends behind the present address. */
typedef struct {
    const extent_entry_t *at, *end;
} place_t;

static bool
covers(const place_t *place, uint64_t address) {
    return place->at < place->end && place->at->addr <= address;
}

/* The next address at which the set changes. */
static uint64_t
boundary(const place_t *place, uint64_t address) {
    if (place->at == place->end) {
        return UINT64_MAX;
    }
    return covers(place, address) ? place->at->addr + place->at->size : place->at->addr;
}

static void
sweep(const extent_set_t *before, const extent_set_t *after, visit_t *visit, void *context) {
    place_t old = {before->all, before->all + before->n}, new = {after->all, after->all + after->n};
    uint64_t address = 0;
    while (old.at < old.end || new.at < new.end) {
        uint64_t a = boundary(&old, address), b = boundary(&new, address), to = a < b ? a : b;
        bool in_old = covers(&old, address), in_new = covers(&new, address);
        if (in_old || in_new) {
            visit(context, address, to, in_old ? old.at : NULL, in_new ? new.at : NULL);
        }
        old.at += in_old && a == to;
        new.at += in_new &&b == to;
        address = to;
    }
}

/* ---- sums ---- */

typedef struct {
    change_matrix_t *matrix;
    uint64_t *kinds;
} sums_t;

static void
add(void *context, uint64_t from, uint64_t to, const extent_entry_t *before, const extent_entry_t *after) {
    const sums_t *sums = context;
    unsigned was = before == NULL ? 0 : 1u + before->state, is = after == NULL ? 0 : 1u + after->state;
    sums->matrix->bytes[was][is] += to - from;
    sums->kinds[change_of(before, after)] += to - from;
}

void
changes_sum(const extent_set_t *before, const extent_set_t *after, change_matrix_t *matrix,
            uint64_t kinds[CHANGE_KINDS]) {
    sums_t sums = {matrix, kinds};
    *matrix = (change_matrix_t){0};
    memset(kinds, 0, CHANGE_KINDS * sizeof(*kinds));
    sweep(before, after, add, &sums);
}

/* ---- rasters ---- */

typedef struct {
    map_painter_t painter;
    uint32_t only;
} drawing_t;

static void
paint(void *context, uint64_t from, uint64_t to, const extent_entry_t *before, const extent_entry_t *after) {
    drawing_t *drawing = context;
    bool wanted = drawing->only == LUNALLOC_ALL || (before != NULL && before->arena == drawing->only) ||
                  (after != NULL && after->arena == drawing->only);
    if (wanted) {
        map_paint(&drawing->painter, from, to, change_of(before, after));
    }
}

/* A change with most bytes, if there is any. */
static char
choose(const uint64_t *sums, uint64_t used) {
    unsigned best = CHANGE_NONE;
    for (unsigned kind = CHANGE_NONE + 1; kind < CHANGE_KINDS; kind++) {
        bool more = (used >> kind & 1) != 0 && (best == CHANGE_NONE || sums[kind] > sums[best]);
        best = more ? kind : best;
    }
    return (char)(MAP_EMPTY + 1 + best);
}

void
changes_raster(const extent_set_t *before, const extent_set_t *after, uint32_t only, const map_layout_t *layout,
               char *cells, map_totals_t *totals) {
    drawing_t drawing = {.only = only};
    map_painter_begin(&drawing.painter, layout, choose, cells, totals);
    sweep(before, after, paint, &drawing);
    map_painter_end(&drawing.painter);
}

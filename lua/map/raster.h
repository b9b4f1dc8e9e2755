/*
 * raster.h -- a heap as a grid of cells, each of which stands for so many bytes of addresses.
 *
 * Use it to draw a set of extents, in a terminal or in a page. The caller lays out the cells: ranges of addresses
 * (spans), and the first cell of each. Cells between two spans stay empty: there, addresses were left out. Two sets
 * that are rasterised by one layout show the same addresses in the same cells.
 *
 * What is drawn, a *key*, is a small number: a state, an arena, a level. Each cell has the key that most of its bytes
 * have; the lowest one of equals. Cells are characters, MAP_EMPTY for one without any extent, and behind it the key, so
 * that a row is a text that JSON takes as it is.
 *
 * Of a slab it is known how many bytes objects occupy, and how many were given back (discarded), but not where: each
 * cell gets its share of them. By residency, discarded pages are absent ones of the slab, so there the place is known.
 *
 * A painter does the work: it takes pieces of address space in ascending order. One pass, no memory of its own: 5 ns
 * for an extent. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_MAP_RASTER_H
#define LUNALLOC_LUA_MAP_RASTER_H

#include "map/extent_set.h"
#include "map/residency.h"

#define MAP_EMPTY '0' /* key k is MAP_EMPTY + 1 + k; the last is '[', before the backslash */

enum {
    MAP_KEYS = 43,
    MAP_SPANS = 1 << 20,
    MAP_LEVELS = 8, /* of occupancy and of age */
    MAP_ARENAS = 30 /* arenas with a key of their own; the others share the next one */
};

typedef struct {
    uint64_t start, end;
    size_t cell; /* the first one */
} map_span_t;

/* Spans ascend by address and by cell, and share no cell; each has (end - start) / cell_bytes cells, rounded up. */
typedef struct {
    const map_span_t *spans;
    size_t nspans;
    uint64_t cell_bytes;
    size_t ncells;
} map_layout_t;

/* True if the layout is as described. */
bool map_layout_check(const map_layout_t *layout);

/* ---- what is drawn ---- */

typedef enum {
    MAP_BY_STATE,     /* keys: lunalloc_state_t; EXTENT_STATES: discarded */
    MAP_BY_OCCUPANCY, /* 0: nothing is in use; 1 .. MAP_LEVELS: so many parts of MAP_LEVELS, rounded up, of what was not
                         discarded; MAP_LEVELS + 1: more than half of the bytes were discarded */
    MAP_BY_AGE,       /* 0 .. MAP_LEVELS - 1: regions in use by serial number, the oldest first; MAP_LEVELS: free */
    MAP_BY_RESIDENCY, /* keys: residency_kind_t; RESIDENCY_KINDS: absent, since it was discarded */
    MAP_BY_ARENA,     /* the place of the arena in map_keys_t.arenas */
    MAP_BY_CLASS      /* 0: free; 1 + log2 of the object's size */
} map_by_t;

typedef struct {
    map_by_t by;
    uint32_t only;    /* the arena that is drawn; LUNALLOC_ALL: all */
    uint32_t narenas; /* by arena: most bytes first */
    uint32_t arenas[MAP_ARENAS];
    uint64_t ages[MAP_LEVELS - 1]; /* by age: the lowest serial numbers of the levels but the first */
} map_keys_t;

/* Finds out what the keys are for this set. */
void map_keys_init(map_keys_t *keys, map_by_t by, uint32_t only, const extent_set_t *set);
unsigned map_key_of(const map_keys_t *keys, const extent_set_t *set, const extent_entry_t *entry);

/* ---- drawing ---- */

typedef struct {
    uint64_t bytes[MAP_KEYS]; /* in the layout's spans, by key; by occupancy: 0: free, 1: in use, 2: discarded */
    uint64_t cells[MAP_KEYS]; /* how many show the key */
} map_totals_t;

/* cells: layout->ncells characters. `residency` is needed for MAP_BY_RESIDENCY alone. */
void map_raster(const extent_set_t *set, const residency_t *residency, const map_keys_t *keys,
                const map_layout_t *layout, char *cells, map_totals_t *totals);

/*
 * The same for extents that are given in batches, ascending: begin, add as often as needed, end. `set` has the classes;
 * its entries are not used. All that is passed has to stay until the end.
 */
struct map_picture;
void map_picture_begin(struct map_picture *picture, const extent_set_t *set, const residency_t *residency,
                       const map_keys_t *keys, const map_layout_t *layout, char *cells, map_totals_t *totals);
void map_picture_add(struct map_picture *picture, const extent_entry_t *entries, size_t n);
void map_picture_end(struct map_picture *picture);

/* ---- for other pictures: the painter ---- */

/* The character of a cell by the bytes of its keys; `used`: a bit for each key that has any. */
typedef char map_choose_t(const uint64_t *sums, uint64_t used);

typedef struct {
    const map_layout_t *layout;
    char *cells;
    map_totals_t *totals;
    map_choose_t *choose;
    size_t span;       /* the present one */
    size_t cell;       /* the present one, if cell_end is not 0 */
    uint64_t cell_end; /* its end in addresses */
    uint64_t used;     /* the keys that have bytes in the present cell */
    uint64_t sums[MAP_KEYS];
    char whole[MAP_KEYS]; /* the character of a cell all of whose bytes have the key */
} map_painter_t;

/* choose: NULL: the key with most bytes. */
void map_painter_begin(map_painter_t *painter, const map_layout_t *layout, map_choose_t *choose, char *cells,
                       map_totals_t *totals);
/* Gives the addresses from `from` to `to` a key. Pieces ascend; only what is in spans counts. */
void map_paint(map_painter_t *painter, uint64_t from, uint64_t to, unsigned key);
void map_painter_end(map_painter_t *painter);

/* ---- a picture in work ---- */

typedef struct map_picture {
    map_painter_t painter;
    const extent_set_t *set;
    const residency_t *residency;
    const map_keys_t *keys;
    size_t run; /* the first run of pages that may concern the next extent */
} map_picture_t;

#endif

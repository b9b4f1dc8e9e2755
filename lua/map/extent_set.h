/*
 * extent_set.h -- the extents of an allocator at one moment, as a compact array that is sorted by address.
 *
 * Use it to keep, compare, draw or save a picture of a heap: a million extents take 48 MB and are read in one walk. An
 * instant (lunalloc/instant.lua) has one. Live blocks of a trace are entries, too: each is an active extent of its own.
 *
 * Add entries in any order, then call extent_set_tidy(): entries are ascending from then on, and none overlaps another.
 * (A walk is consistent within a batch only; what moved between two batches may be met twice.) The functions of
 * raster.h take tidy sets.
 *
 * The memory is the set's own mappings: memory from the allocator that is looked at would change the picture. Whatever
 * an entry says is only a number here: one of a hostile process cannot do harm. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_MAP_EXTENT_SET_H
#define LUNALLOC_LUA_MAP_EXTENT_SET_H

#include "lunalloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXTENT_STATES = LUNALLOC_BUSY + 1,
    EXTENT_CLASSES = 1024, /* most size classes that a set knows */
    EXTENT_NO_CLASS = UINT16_MAX
};

enum {
    EXTENT_SLAB = 1,
    EXTENT_HEAD = 2, /* the first one of its mapping */
    EXTENT_COMMITTED = 4,
    EXTENT_ZEROED = 8
};

/* Addresses end below this, so that sums of two never overflow. */
#define EXTENT_ADDRESS_END (UINT64_C(1) << 60)

typedef struct {
    uint64_t addr, size; /* bytes; size > 0 */
    uint64_t sn;         /* the serial number of its region; of a trace's block: the time of its allocation in ns */
    union {
        uint64_t lru;       /* of a free extent: the order of purging */
        uint64_t discarded; /* of an active slab: bytes of its pages that were given back */
    };
    uint32_t arena;
    uint32_t nfree, nregs; /* of a slab; nfree <= nregs */
    uint16_t szind;        /* EXTENT_NO_CLASS: none */
    uint8_t state;         /* a lunalloc_state_t */
    uint8_t flags;
} extent_entry_t;

/* All zero is an empty set. */
typedef struct {
    extent_entry_t *all;
    size_t n;
    size_t room;                         /* bytes mapped */
    uint64_t class_size[EXTENT_CLASSES]; /* bytes of an object */
    uint32_t nclasses;
} extent_set_t;

/* Makes room for so many entries. False if there is no memory. */
bool extent_set_reserve(extent_set_t *set, uint64_t n);

/* Adds an entry. False if there is no memory. One that is empty, out of range or of an unknown state is left out. */
bool extent_set_add(extent_set_t *set, const extent_entry_t *entry);
bool extent_set_add_extent(extent_set_t *set, const lunalloc_extent_t *extent);

/* Sorts by address and clips what overlaps: the entry that begins first keeps the bytes. False without memory. */
bool extent_set_tidy(extent_set_t *set);

/* The first entry that ends behind `addr`; set->n if there is none. */
size_t extent_set_find(const extent_set_t *set, uint64_t addr);

/* Bytes of the entry that objects occupy, from 0 to its size: of a slab, those of its regions in use. */
uint64_t extent_used(const extent_set_t *set, const extent_entry_t *entry);

/* Bytes of the entry that were given back while it is in use: some pages of a slab, from 0 to its size. */
static inline uint64_t
extent_discarded(const extent_entry_t *entry) {
    bool may = entry->state == LUNALLOC_ACTIVE && (entry->flags & EXTENT_SLAB) != 0;
    return !may ? 0 : entry->discarded < entry->size ? entry->discarded : entry->size;
}

/* ---- spans ---- */

/* A range of addresses. */
typedef struct {
    uint64_t start, end;
} extent_span_t;

/*
 * The ranges that the entries cover, ascending. Ranges that are at most a gap apart are joined; the gap is doubled from
 * *gap on until there are at most `max` (> 0) of them, and is written back. Returns how many.
 */
size_t extent_set_spans(const extent_set_t *set, uint64_t *gap, extent_span_t *out, size_t max);

void extent_set_free(extent_set_t *set);

#endif

/*
 * map_decode.h -- the records in a chunk of a saved instant (map_file.h), out of its payload.
 *
 * A payload may be hostile: each function stays within it, and returns false for a record that is cut off or not sound.
 * Records ascend by address, from chunk to chunk, too: map_place_t has where the last one ended. Pure.
 */
#ifndef LUNALLOC_LUA_MAP_MAP_DECODE_H
#define LUNALLOC_LUA_MAP_MAP_DECODE_H

#include "map/extent_set.h"
#include "map/residency.h"

/* A payload while it is read. */
typedef struct {
    const uint8_t *at, *end;
    bool short_of; /* it ended too early */
} map_bytes_t;

uint64_t map_decode_number(map_bytes_t *bytes);

/* Extents of one chunk while they are read; address: the end of the last extent of the chunks before. */
typedef struct {
    map_bytes_t bytes;
    uint64_t address;
    uint64_t lru;
    uint32_t left; /* records that were not read yet */
    unsigned unit;
    extent_entry_t last;
} map_extents_t;

bool map_extents_begin(map_extents_t *extents, map_bytes_t bytes, uint32_t count, uint64_t address);
/* The next ones, at most `max`; *n is 0 behind the last one. All are sound, and behind each other. */
bool map_extents_next(map_extents_t *extents, extent_entry_t *out, size_t max, size_t *n);

bool map_decode_classes(extent_set_t *set, map_bytes_t bytes, uint32_t count);
/* Adds the runs of a chunk. *no_memory is set if it returns false for that reason. */
bool map_decode_runs(residency_t *out, map_bytes_t bytes, uint32_t count, bool *no_memory);

#endif

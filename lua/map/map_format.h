/*
 * map_format.h -- numbers and chunks of the files that map_file.h describes: what writing and reading share.
 */
#ifndef LUNALLOC_LUA_MAP_MAP_FORMAT_H
#define LUNALLOC_LUA_MAP_MAP_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_MAGIC "LUNALLOC INSTANT 1\n"

enum {
    MAP_MAGIC_SIZE = sizeof(MAP_MAGIC) - 1,
    MAP_CHUNK_HEAD = 16, /* bytes before the payload */
    MAP_CHUNK_MAX = 64 << 10,
    MAP_TEXT_MAX = 64 << 20, /* of a header */
    MAP_RECORD_MIN = 5,      /* bytes of an extent, at least */
    MAP_UNITS = 60           /* log2 of a unit is below */
};

typedef enum {
    MAP_HEADER = 1,
    MAP_CLASSES,
    MAP_EXTENTS,
    MAP_RUNS,
    MAP_END
} map_chunk_kind_t;

/* In the first byte of an extent: state, flags, and whether it begins where the last one ends; of a run: kind. A slab
 * of which pages were discarded has a state of its own: its bytes follow, in KiB. */
enum {
    MAP_STATE = 7,
    MAP_STATE_DISCARDED = 5,
    MAP_LG_DISCARDED = 10,
    MAP_FLAGS_SHIFT = 3,
    MAP_FLAGS = 15,
    MAP_FOLLOWS = 128
};

/* Differences as numbers without a sign: small ones are short, whatever their sign. */
static inline uint64_t
map_zigzag(uint64_t difference) {
    return difference << 1 ^ -(difference >> 63);
}

static inline uint64_t
map_unzigzag(uint64_t number) {
    return number >> 1 ^ -(number & 1);
}

#endif

/* keys.c -- what a cell of a raster can show of an extent: see raster.h. */
#include "map/raster.h"

#include <stdlib.h>
#include <string.h>

enum {
    TALLIED = 1 << 13, /* arenas that have bytes of their own; a process has at most 4096 */
    SAMPLED = 4096
};

/* ---- arenas ---- */

/* Most bytes first. */
static void
insert(map_keys_t *keys, uint64_t *bytes, uint32_t arena, uint64_t size) {
    uint32_t at = keys->narenas;
    if (at == MAP_ARENAS && size <= bytes[at - 1]) {
        return;
    }
    at = at == MAP_ARENAS ? at - 1 : at;
    keys->narenas = at + 1;
    for (; at > 0 && bytes[at - 1] < size; at--) {
        bytes[at] = bytes[at - 1];
        keys->arenas[at] = keys->arenas[at - 1];
    }
    bytes[at] = size;
    keys->arenas[at] = arena;
}

static void
find_arenas(map_keys_t *keys, const extent_set_t *set) {
    uint64_t sizes[TALLIED] = {0}, bytes[MAP_ARENAS];
    for (size_t i = 0; i < set->n; i++) {
        sizes[set->all[i].arena < TALLIED ? set->all[i].arena : TALLIED - 1] += set->all[i].size;
    }
    for (uint32_t arena = 0; arena < TALLIED; arena++) {
        if (sizes[arena] > 0) {
            insert(keys, bytes, arena, sizes[arena]);
        }
    }
}

static unsigned
key_of_arena(const map_keys_t *keys, uint32_t arena) {
    unsigned key = 0;
    while (key < keys->narenas && keys->arenas[key] != arena) {
        key++;
    }
    return key < keys->narenas ? key : MAP_ARENAS;
}

/* ---- ages ---- */

static bool
is_used(const extent_entry_t *entry) {
    return entry->state == LUNALLOC_ACTIVE || entry->state == LUNALLOC_BUSY;
}

static int
compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Levels of about as many extents each, by a sample. */
static void
find_ages(map_keys_t *keys, const extent_set_t *set) {
    uint64_t sample[SAMPLED] = {0};
    size_t n = 0, step = set->n / SAMPLED + 1;
    for (size_t i = 0; i < set->n; i += step) {
        if (is_used(&set->all[i])) {
            sample[n++] = set->all[i].sn;
        }
    }
    qsort(sample, n, sizeof(*sample), compare);
    for (size_t level = 1; level < MAP_LEVELS; level++) {
        keys->ages[level - 1] = n > 0 ? sample[level * n / MAP_LEVELS] : 0;
    }
}

static unsigned
key_of_age(const map_keys_t *keys, const extent_entry_t *entry) {
    unsigned level = 0;
    if (!is_used(entry)) {
        return MAP_LEVELS;
    }
    while (level < MAP_LEVELS - 1 && entry->sn >= keys->ages[level]) {
        level++;
    }
    return level;
}

/* ---- classes ---- */

static unsigned
key_of_class(const extent_set_t *set, const extent_entry_t *entry) {
    if (!is_used(entry)) {
        return 0;
    }
    uint64_t size = entry->szind < set->nclasses ? set->class_size[entry->szind] : entry->size;
    unsigned key = 1 + (size > 0 ? 63 - (unsigned)__builtin_clzll(size) : 0);
    return key < MAP_KEYS ? key : MAP_KEYS - 1;
}

/* ---- keys ---- */

void
map_keys_init(map_keys_t *keys, map_by_t by, uint32_t only, const extent_set_t *set) {
    *keys = (map_keys_t){.by = by, .only = only};
    if (by == MAP_BY_ARENA) {
        find_arenas(keys, set);
    } else if (by == MAP_BY_AGE) {
        find_ages(keys, set);
    }
}

unsigned
map_key_of(const map_keys_t *keys, const extent_set_t *set, const extent_entry_t *entry) {
    switch (keys->by) {
    case MAP_BY_ARENA:
        return key_of_arena(keys, entry->arena);
    case MAP_BY_AGE:
        return key_of_age(keys, entry);
    case MAP_BY_CLASS:
        return key_of_class(set, entry);
    default:
        return entry->state;
    }
}

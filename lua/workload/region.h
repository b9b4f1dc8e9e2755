/*
 * region.h -- the engine's own memory: a bump allocator over anonymous mappings.
 *
 * Use it for all data of the engine: memory from the allocator under test would make the engine measure itself. A
 * region is freed only as a whole. It belongs to one thread at a time; any thread may read `used`.
 */
#ifndef WORKLOAD_REGION_H
#define WORKLOAD_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "measure.h"

enum {
    REGION_ALIGN = 64
};

typedef struct region_chunk region_chunk_t;

/* All zero is an empty region. */
typedef struct {
    region_chunk_t *chunks; /* newest first; only the newest has room */
    counter_t used;         /* bytes allocated */
    bool shared;            /* in shared mappings: they are no part of the process's anonymous memory */
} region_t;

/* Zeroed memory, aligned to REGION_ALIGN; NULL if the system has none. */
void *region_alloc(region_t *region, size_t size);

/* A copy of the string; NULL if the system has no memory. */
char *region_string(region_t *region, const char *text);

/* Frees all memory of the region, which is empty then. */
void region_free(region_t *region);

#endif

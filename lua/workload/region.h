/*
 * region.h -- the engine's own memory: a bump allocator over anonymous mappings.
 *
 * Nothing that the engine keeps may come from the allocator under test, or the engine would measure itself. A region
 * gives memory out and takes it back only as a whole. It belongs to one thread at a time; `used` may be read by any.
 */
#ifndef WORKLOAD_REGION_H
#define WORKLOAD_REGION_H

#include <stddef.h>

#include "measure.h"

enum {
    REGION_ALIGN = 64
};

typedef struct region_chunk region_chunk_t;

/* All zero is an empty region. */
typedef struct {
    region_chunk_t *chunks; /* newest first; only the newest has room */
    counter_t used;         /* bytes given out */
} region_t;

/* Zeroed, aligned to REGION_ALIGN. NULL if the system has no memory. */
void *region_alloc(region_t *region, size_t size);

/* A copy of the string; NULL if the system has no memory. */
char *region_string(region_t *region, const char *text);

/* Gives everything back; the region is empty again. */
void region_free(region_t *region);

#endif

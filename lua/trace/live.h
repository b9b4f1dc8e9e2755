/*
 * live.h -- the blocks that live at a moment of a trace: a map from addresses. The caller synchronises.
 */
#ifndef TRACE_LIVE_H
#define TRACE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "array.h"

typedef struct {
    uint64_t addr;       /* not 0 */
    uint64_t size;       /* bytes that were asked for */
    uint64_t time;       /* ns, of the allocation */
    uint64_t bytes;      /* that all threads had allocated before it */
    uint64_t born;       /* how many blocks its thread had begun before it; of a realloc, before the block it resizes */
    uint64_t first_size; /* bytes, before any realloc */
    uint64_t sized;      /* as `born`, when it got its present size */
    uint64_t product;    /* bytes times blocks that its thread began, until then */
    uint32_t thread;     /* that allocated it; of a realloc, the first one */
    uint32_t caller;     /* of the latest realloc, or of the allocation */
    uint32_t resizes;    /* how many reallocs it has been through */
    uint8_t kind;        /* record_kind_t */
    uint8_t counted;     /* for the caller */
} trace_block_t;

/* All zero is an empty map. */
typedef struct {
    trace_array_t table; /* trace_block_t: open addressing; its length is a power of two */
    size_t n;
} trace_live_t;

/* NULL if there is none. Valid until the map changes. */
trace_block_t *trace_live_find(const trace_live_t *live, uint64_t addr);
/* Adds a block whose address has none. False, and nothing has changed, without memory. */
bool trace_live_add(trace_live_t *live, const trace_block_t *block);
/* Takes a block away that trace_live_find() returned. */
void trace_live_drop(trace_live_t *live, trace_block_t *block);
void trace_live_free(trace_live_t *live);

#endif

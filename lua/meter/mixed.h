/*
 * mixed.h -- blocks of all kinds and sizes side by side, for a heap (heap.h): those of kinds that have few blocks.
 *
 * They lie as densely as their sizes allow, at multiples of 8. Allocating takes a free block of that size, or a part of
 * a larger one, if need be after free neighbours were joined; then what has not been used of the newest chunk. Blocks
 * of 32 bytes also lie at the ends of the chunk's lines, which have no other use for these bytes.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_MIXED_H
#define LUNALLOC_METER_MIXED_H

#include "meter/heap.h"

/* A block of 1 .. HEAP_MAX bytes. NULL if there is no memory. */
void *mixed_alloc(heap_t *heap, const owner_t *owner, uint32_t type, size_t size);
/* The same, but only if a block of that size is free. */
void *mixed_alloc_free_one(heap_t *heap, const owner_t *owner, uint32_t type, size_t size);
/* Frees a block; returns its account. */
size_t *mixed_free(heap_t *heap, void *block, size_t size);
/* Chunks of which all blocks have been freed are free for others from now on. Call it before the heap grows. */
void mixed_end_run(heap_t *heap);
/* The size of a block changes without its address. False if it cannot: if it grows, or too little would be left.
 * `must`: it may not fail for what is left. */
bool mixed_resize(heap_t *heap, void *block, kind_t kind, size_t old_size, size_t new_size, bool must);
/* False at a broken invariant of the chunks that are mixed. */
bool mixed_check(const heap_t *heap);

#endif

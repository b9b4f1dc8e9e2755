/*
 * chunk.h -- the chunks of a heap (heap.h): their slots for spans, and whole ones for mixed blocks.
 *
 * A chunk that becomes empty goes back to the arena, unless fewer than half of the heap's chunks are empty: so a state
 * that grows and shrinks with each collection need not ask the arena again.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_CHUNK_H
#define LUNALLOC_METER_CHUNK_H

#include "meter/heap.h"

/* Call it before `size` more bytes of chunks or large blocks are asked for: a large heap has an arena of its own. */
void chunk_will_grow(heap_t *heap, size_t size);

/* The line of a slot that is taken from now on. NULL if there is no memory. */
span_t *chunk_get(heap_t *heap);
/* Takes back the slot of a span. */
void chunk_release(heap_t *heap, span_t *span);
/* A chunk for mixed blocks. NULL if there is no memory. */
chunk_t *chunk_get_mixed(heap_t *heap);
/* Takes it back: it has no block. */
void chunk_release_mixed(heap_t *heap, chunk_t *chunk);
/* Takes all of them back: none has a block. */
void chunk_release_all_mixed(heap_t *heap);
/* A line of such a chunk whose block at the end is used from now on; NULL if there is none. */
span_t *chunk_get_end(heap_t *heap);
/* Takes back that block. */
void chunk_release_end(heap_t *heap, const void *block);
/* Gives most of the empty chunks back: a large block may have their pages. */
void chunk_trim(heap_t *heap);
/* Gives all chunks back to the arena. */
void chunk_destroy_all(heap_t *heap);

#endif

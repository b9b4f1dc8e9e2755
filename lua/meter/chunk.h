/*
 * chunk.h -- the pages of a heap (heap.h): chunks of 16, from which spans get a page or a quad of four.
 *
 * A page is taken where its quad is broken already, if there is such a page. A chunk that becomes empty goes back to
 * the arena, unless fewer than half of the heap's chunks are empty: so a state that grows and shrinks with each
 * collection need not ask the arena again.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_CHUNK_H
#define LUNALLOC_METER_CHUNK_H

#include "meter/heap.h"

/* Call it before `size` more bytes of chunks or large blocks are asked for: a large heap has an arena of its own. */
void chunk_will_grow(heap_t *heap, size_t size);

/* Where the header of a new span is, in a page or a quad that is in no span; and its chunk. NULL if there is no
 * memory. */
span_t *chunk_get(heap_t *heap, bool quad, chunk_t **chunk);
/* Takes back the page or the quad of a span. */
void chunk_release(heap_t *heap, span_t *span);
/* Gives most of the empty chunks back: a large block may have their pages. */
void chunk_trim(heap_t *heap);
/* Gives all chunks back to the arena. */
void chunk_destroy_all(heap_t *heap);

#endif

/* chunk.c -- bits for slots, and a list of the chunks with free ones. */
#include "meter/chunk.h"

/* All slots but the first one, which holds the lines. */
#define ALL_FREE (UINT32_MAX - 1)
/* One of so many chunks may stay empty when there is a new large block. */
#define KEPT_BESIDE_LARGE 4
/* How many are looked at for another empty one, when there are too many. */
#define EMPTY_TRIES 32

/* ---- the list of chunks with free slots ---- */

static void
link_chunk(heap_t *heap, chunk_t *chunk) {
    chunk->linked = true;
    chunk->prev = NULL;
    chunk->next = heap->with_room;
    if (chunk->next != NULL) {
        chunk->next->prev = chunk;
    }
    heap->with_room = chunk;
}

static void
unlink_chunk(heap_t *heap, chunk_t *chunk) {
    if (chunk->prev != NULL) {
        chunk->prev->next = chunk->next;
    } else {
        heap->with_room = chunk->next;
    }
    if (chunk->next != NULL) {
        chunk->next->prev = chunk->prev;
    }
    chunk->linked = false;
}

/* ---- chunks ---- */

void
chunk_will_grow(heap_t *heap, size_t size) {
    size_t held = ((size_t)heap->chunks.count << HEAP_LG_CHUNK) + heap->large_bytes;
    if (heap->memory.wants_own && (held >= MEMORY_PART_BYTES || size >= MEMORY_PART_BYTES - held)) {
        memory_part(&heap->memory);
    }
}

static chunk_t *
new_chunk(heap_t *heap) {
    const size_t size = (size_t)1 << HEAP_LG_CHUNK;
    chunk_will_grow(heap, size);
    if (!table_reserve(&heap->chunks, &heap->memory)) {
        return NULL;
    }
    chunk_t *chunk = memory_get(&heap->memory, size, size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (chunk_t){.free_slots = ALL_FREE};
    table_add(&heap->chunks, (entry_t){(uintptr_t)chunk, size, chunk});
    link_chunk(heap, chunk);
    heap->nempty++;
    return chunk;
}

static void
delete_chunk(heap_t *heap, chunk_t *chunk) {
    unlink_chunk(heap, chunk);
    heap->nempty--;
    table_remove(&heap->chunks, table_find(&heap->chunks, (uintptr_t)chunk));
    if (heap->known != heap_knows_nothing) {
        heap->known[(uintptr_t)chunk >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] = 0;
    }
    memory_give_back(&heap->memory, chunk);
}

void
chunk_destroy_all(heap_t *heap) {
    uint32_t i = 0;
    for (entry_t *entry; (entry = table_next(&heap->chunks, &i)) != NULL;) {
        memory_give_back(&heap->memory, (void *)entry->address);
    }
    table_destroy(&heap->chunks, &heap->memory);
    heap->with_room = NULL;
    heap->nempty = 0;
}

/* ---- empty chunks ---- */

/* Are enough chunks empty, and this one too many? */
static bool
has_spare(const heap_t *heap) {
    return heap->nempty > 1 + heap->chunks.count / 2;
}

/* An empty chunk among the first of the list; NULL if none of them is. */
static chunk_t *
find_empty(const heap_t *heap) {
    chunk_t *chunk = heap->with_room;
    for (uint32_t tries = 0; chunk != NULL && chunk->free_slots != ALL_FREE; tries++) {
        chunk = tries < EMPTY_TRIES ? chunk->next : NULL;
    }
    return chunk;
}

void
chunk_trim(heap_t *heap) {
    chunk_t *empty;
    while (heap->nempty > 1 + heap->chunks.count / KEPT_BESIDE_LARGE && (empty = find_empty(heap)) != NULL) {
        delete_chunk(heap, empty);
    }
}

/* The chunk has become empty. */
static void
keep_or_delete(heap_t *heap, chunk_t *chunk) {
    heap->nempty++;
    for (chunk_t *empty = chunk; empty != NULL && has_spare(heap); empty = find_empty(heap)) {
        delete_chunk(heap, empty);
    }
}

/* ---- slots ---- */

span_t *
chunk_get(heap_t *heap) {
    chunk_t *chunk = heap->with_room != NULL ? heap->with_room : new_chunk(heap);
    if (chunk == NULL) {
        return NULL;
    }
    heap->nempty -= chunk->free_slots == ALL_FREE;
    uint32_t slot = (uint32_t)__builtin_ctz(chunk->free_slots);
    chunk->free_slots &= chunk->free_slots - 1;
    if (chunk->free_slots == 0) {
        unlink_chunk(heap, chunk);
    }
    return (span_t *)chunk + slot;
}

void
chunk_release(heap_t *heap, span_t *span) {
    chunk_t *chunk = heap_chunk(span);
    chunk->free_slots |= UINT32_C(1) << (span - (span_t *)chunk);
    if (!chunk->linked) {
        link_chunk(heap, chunk);
    }
    if (chunk->free_slots == ALL_FREE) {
        keep_or_delete(heap, chunk);
    }
}

/* ---- chunks for mixed blocks ---- */

chunk_t *
chunk_get_mixed(heap_t *heap) {
    chunk_t *empty = heap->nempty != 0 ? find_empty(heap) : NULL, *chunk = empty != NULL ? empty : new_chunk(heap);
    if (chunk == NULL) {
        return NULL;
    }
    heap->nempty--;
    unlink_chunk(heap, chunk);
    chunk->mixed = true;
    chunk->free_slots = 0;
    return chunk;
}

void
chunk_release_mixed(heap_t *heap, chunk_t *chunk) {
    chunk->mixed = false;
    chunk->free_slots = ALL_FREE;
    link_chunk(heap, chunk);
    keep_or_delete(heap, chunk);
}

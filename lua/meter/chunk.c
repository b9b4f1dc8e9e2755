/* chunk.c -- bits for slots, or for the blocks at the ends of lines, and lists of the chunks with free ones. */
#include "meter/chunk.h"

/* All slots but the first one, which holds the lines. */
#define ALL_FREE (UINT32_MAX - 1)
/* From so many chunks on, one that makes the heap larger than it has been is touched at once. */
#define STEADY 8
/* One of so many chunks may stay empty when there is a new large block. */
#define KEPT_BESIDE_LARGE 4

/* ---- lists: of the chunks whose slots are all free, and of those with some; and of mixed ones with ends ---- */

static chunk_t **
list_of(heap_t *heap, const chunk_t *chunk) {
    if (heap_is_mixed_chunk(chunk)) {
        return &heap->with_ends;
    }
    return chunk->free_slots == ALL_FREE ? &heap->empty : &heap->with_room;
}

static void
link_chunk(heap_t *heap, chunk_t *chunk) {
    chunk_t **list = list_of(heap, chunk);
    chunk->linked = true;
    chunk->prev = NULL;
    chunk->next = *list;
    if (chunk->next != NULL) {
        chunk->next->prev = chunk;
    }
    *list = chunk;
}

/* Call it before its slots change. */
static void
unlink_chunk(heap_t *heap, chunk_t *chunk) {
    if (chunk->prev != NULL) {
        chunk->prev->next = chunk->next;
    } else {
        *list_of(heap, chunk) = chunk->next;
    }
    if (chunk->next != NULL) {
        chunk->next->prev = chunk->prev;
    }
    chunk->linked = false;
}

/* Changes which slots are free, and the list accordingly. */
static void
set_free_slots(heap_t *heap, chunk_t *chunk, uint32_t free_slots) {
    bool stays = chunk->linked && chunk->free_slots != ALL_FREE && free_slots != ALL_FREE && free_slots != 0;
    if (chunk->linked && !stays) {
        unlink_chunk(heap, chunk);
    }
    chunk->free_slots = free_slots;
    if (free_slots != 0 && !stays) {
        link_chunk(heap, chunk);
    }
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
    if (heap->chunks.count >= heap->most_chunks) {
        heap->most_chunks = heap->chunks.count + 1;
        if (heap->most_chunks > STEADY) {
            memory_touch(chunk, size); /* soon all of it is used */
        }
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
    heap->with_room = heap->empty = heap->with_ends = NULL;
    heap->nempty = 0;
}

/* ---- empty chunks ---- */

/* Are enough chunks empty, and this one too many? */
static bool
has_spare(const heap_t *heap) {
    return heap->nempty > 1 + heap->chunks.count / 2;
}

void
chunk_trim(heap_t *heap) {
    while (heap->nempty > 1 + heap->chunks.count / KEPT_BESIDE_LARGE) {
        delete_chunk(heap, heap->empty);
    }
}

/* A chunk has become empty. */
static void
note_empty(heap_t *heap) {
    heap->nempty++;
    while (has_spare(heap)) {
        delete_chunk(heap, heap->empty);
    }
}

/* NULL if there is no memory. */
static chunk_t *
empty_chunk(heap_t *heap) {
    return heap->empty != NULL ? heap->empty : new_chunk(heap);
}

/* ---- slots ---- */

/* The line of a slot of a chunk that has a free one. */
static span_t *
take_slot(heap_t *heap, chunk_t *chunk) {
    uint32_t slot = (uint32_t)__builtin_ctz(chunk->free_slots);
    set_free_slots(heap, chunk, chunk->free_slots & (chunk->free_slots - 1));
    return (span_t *)chunk + slot;
}

static void
give_slot(heap_t *heap, const span_t *line) {
    chunk_t *chunk = heap_chunk(line);
    set_free_slots(heap, chunk, chunk->free_slots | UINT32_C(1) << (line - (span_t *)chunk));
}

span_t *
chunk_get(heap_t *heap) {
    chunk_t *chunk = heap->with_room != NULL ? heap->with_room : empty_chunk(heap);
    if (chunk == NULL) {
        return NULL;
    }
    heap->nempty -= chunk->free_slots == ALL_FREE;
    return take_slot(heap, chunk);
}

void
chunk_release(heap_t *heap, span_t *span) {
    give_slot(heap, span);
    if (heap_chunk(span)->free_slots == ALL_FREE) {
        note_empty(heap);
    }
}

/* ---- chunks for mixed blocks ---- */

/* From one list to another. */
static void
set_mixed(heap_t *heap, chunk_t *chunk, bool mixed) {
    set_free_slots(heap, chunk, 0);
    chunk->codes[0] = mixed ? HEAP_MIXED : 0;
    set_free_slots(heap, chunk, ALL_FREE);
}

chunk_t *
chunk_get_mixed(heap_t *heap) {
    chunk_t *chunk = empty_chunk(heap);
    if (chunk != NULL) {
        heap->nempty--;
        set_mixed(heap, chunk, true);
    }
    return chunk;
}

void
chunk_release_mixed(heap_t *heap, chunk_t *chunk) {
    set_mixed(heap, chunk, false);
    note_empty(heap);
}

void
chunk_release_all_mixed(heap_t *heap) {
    uint32_t i = 0, was = heap->nempty;
    for (entry_t *entry; (entry = table_next(&heap->chunks, &i)) != NULL;) {
        chunk_t *chunk = (chunk_t *)entry->address;
        if (heap_is_mixed_chunk(chunk)) {
            chunk->used = 0;
            set_mixed(heap, chunk, false);
            heap->nempty++;
        }
    }
    while (heap->nempty > was && has_spare(heap)) {
        delete_chunk(heap, heap->empty);
    }
}

span_t *
chunk_get_end(heap_t *heap) {
    return heap->with_ends != NULL ? take_slot(heap, heap->with_ends) : NULL;
}

void
chunk_release_end(heap_t *heap, const void *block) {
    give_slot(heap, (const span_t *)((uintptr_t)block & ~(sizeof(span_t) - 1)));
}

/* chunk.c -- bits for pages, and a list of the chunks with free ones. */
#include "meter/chunk.h"

#define ALL_FREE UINT16_MAX
/* One of so many chunks may stay empty when there is a new large block. */
#define KEPT_BESIDE_LARGE 4
/* How many chunks are looked at for a whole quad before there is a new chunk. */
#define QUAD_TRIES 8
/* How many are looked at for another empty one, when there are too many. */
#define EMPTY_TRIES 32

/* ---- the list of chunks with free pages ---- */

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
    chunk_t *chunk = heap->memory.api->malloc(sizeof(*chunk));
    void *pages = chunk == NULL ? NULL : memory_get(&heap->memory, size, size);
    if (pages == NULL) {
        heap->memory.api->free(chunk);
        return NULL;
    }
    *chunk = (chunk_t){.base = (uintptr_t)pages, .free_pages = ALL_FREE};
    table_add(&heap->chunks, (entry_t){(uintptr_t)pages, size, chunk});
    link_chunk(heap, chunk);
    heap->nempty++;
    return chunk;
}

static void
delete_chunk(heap_t *heap, chunk_t *chunk) {
    unlink_chunk(heap, chunk);
    heap->nempty--;
    table_remove(&heap->chunks, table_find(&heap->chunks, chunk->base));
    if (heap->known != heap_knows_nothing) {
        heap->known[chunk->base >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] = 0;
    }
    memory_give_back(&heap->memory, (void *)chunk->base);
    heap->memory.api->free(chunk);
}

void
chunk_destroy_all(heap_t *heap) {
    uint32_t i = 0;
    for (entry_t *entry; (entry = table_next(&heap->chunks, &i)) != NULL;) {
        memory_give_back(&heap->memory, (void *)entry->address);
        heap->memory.api->free(entry->data);
    }
    table_destroy(&heap->chunks, &heap->memory);
    heap->with_room = NULL;
    heap->nempty = 0;
}

/* ---- pages ---- */

/* Of a set of pages, those that are first in a quad that the set has wholly. */
static uint32_t
whole_quads(uint32_t pages) {
    uint32_t pairs = pages & pages >> 1;
    return pairs & pairs >> 2 & 0x1111;
}

/* The pages to take from these free ones, as bits; 0 if there is no whole quad. */
static uint32_t
choose(uint32_t free_pages, bool quad) {
    uint32_t whole = whole_quads(free_pages);
    if (quad) {
        return (whole & -whole) * 15;
    }
    uint32_t broken = free_pages & ~(whole * 15);
    uint32_t from = broken != 0 ? broken : free_pages;
    return from & -from;
}

/* A chunk that has a page or a quad; a new one if there is none. */
static chunk_t *
chunk_with(heap_t *heap, bool quad) {
    chunk_t *chunk = heap->with_room;
    uint32_t tries = 0;
    while (chunk != NULL && quad && whole_quads(chunk->free_pages) == 0) {
        chunk = ++tries < QUAD_TRIES ? chunk->next : NULL;
    }
    return chunk != NULL ? chunk : new_chunk(heap);
}

span_t *
chunk_get(heap_t *heap, bool quad, chunk_t **chunk) {
    chunk_t *from = *chunk = chunk_with(heap, quad);
    if (from == NULL) {
        return NULL;
    }
    uint32_t pages = choose(from->free_pages, quad);
    heap->nempty -= from->free_pages == ALL_FREE;
    from->free_pages = (uint16_t)(from->free_pages & ~pages);
    from->quads = (uint16_t)(from->quads | (quad ? pages : 0));
    if (from->free_pages == 0) {
        unlink_chunk(heap, from);
    }
    uintptr_t address = from->base + ((uintptr_t)__builtin_ctz(pages) << HEAP_LG_PAGE);
    return heap_span((const void *)address, quad ? HEAP_LG_QUAD : HEAP_LG_PAGE);
}

/* Are enough chunks empty, and this one too many? */
static bool
has_spare(const heap_t *heap) {
    return heap->nempty > 1 + heap->chunks.count / 2;
}

/* An empty chunk among the first of the list; NULL if none of them is. */
static chunk_t *
find_empty(const heap_t *heap) {
    chunk_t *chunk = heap->with_room;
    for (uint32_t tries = 0; chunk != NULL && chunk->free_pages != ALL_FREE; tries++) {
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

void
chunk_release(heap_t *heap, span_t *span) {
    chunk_t *chunk = span->chunk;
    uint32_t page = (uint32_t)(((uintptr_t)span - chunk->base) >> HEAP_LG_PAGE);
    uint32_t bits = (chunk->quads >> page & 1 ? 15U : 1U) << page;
    chunk->free_pages = (uint16_t)(chunk->free_pages | bits);
    chunk->quads = (uint16_t)(chunk->quads & ~bits);
    if (!chunk->linked) {
        link_chunk(heap, chunk);
    }
    if (chunk->free_pages == ALL_FREE) {
        heap->nempty++;
        for (chunk_t *empty = chunk; empty != NULL && has_spare(heap); empty = find_empty(heap)) {
            delete_chunk(heap, empty);
        }
    }
}

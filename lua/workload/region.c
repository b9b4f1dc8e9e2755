/*
 * region.c -- chunks of a region. See region.h.
 */
#include "region.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CHUNK_SIZE = 1 << 18
};

/* The head of a mapping; the memory that it provides follows. */
struct region_chunk {
    region_chunk_t *next;
    size_t size; /* bytes, of the mapping */
    size_t used; /* bytes from its start, this head included; a multiple of REGION_ALIGN */
};

static size_t
round_up(size_t size) {
    return (size + REGION_ALIGN - 1) & ~(size_t)(REGION_ALIGN - 1);
}

/* Maps a chunk with room for `need` bytes. The rest of the chunk before it is not used any more. */
static region_chunk_t *
add_chunk(region_t *region, size_t need) {
    size_t head = round_up(sizeof(region_chunk_t));
    size_t size = need + head > CHUNK_SIZE ? need + head : CHUNK_SIZE;
    int kind = region->shared ? MAP_SHARED : MAP_PRIVATE;
    region_chunk_t *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) {
        return NULL;
    }
    chunk->next = region->chunks;
    chunk->size = size;
    chunk->used = head;
    region->chunks = chunk;
    return chunk;
}

void *
region_alloc(region_t *region, size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = round_up(size);
    region_chunk_t *chunk = region->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        chunk = add_chunk(region, size);
    }
    if (chunk == NULL) {
        return NULL;
    }
    void *result = (char *)chunk + chunk->used;
    chunk->used += size;
    counter_add(&region->used, size);
    return result;
}

char *
region_string(region_t *region, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = region_alloc(region, size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void
region_free(region_t *region) {
    while (region->chunks != NULL) {
        region_chunk_t *chunk = region->chunks;
        region->chunks = chunk->next; /* first: after a fork in between, a child must not find an unmapped chunk */
        munmap(chunk, chunk->size);
    }
    atomic_store_explicit(&region->used, 0, memory_order_relaxed);
}

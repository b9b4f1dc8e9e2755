/*
 * mixed.c -- free blocks are in lists by size, most recently freed first.
 *
 * Each block has a *code* of four bits in the line of its slot: its type, and whether its owner is another than the
 * first one; or that it is free. Codes are by units of 24 bytes: no block is smaller, so no two begin in one unit. A
 * block of another owner ends in two bytes with its number.
 *
 * Blocks follow each other without gaps. So the code at the end of a free block tells whether the next one is free, and
 * one pass over the lists joins all neighbours.
 */
#include "meter/mixed.h"

#include "meter/chunk.h"

#include <string.h>

#define LEAST       24U
#define CODE_FREE   15U
#define CODE_NUMBER 8U /* or type: the number of its owner stands at its end */
_Static_assert(sizeof(free_block_t) <= LEAST && HEAP_USED <= CODE_NUMBER, "codes");
/* Neighbours are joined when so many bytes have been freed since, and half of those that are free: so each block that
 * is freed pays for few visits to others. */
#define JOIN_BYTES 4096

/* ---- codes ---- */

static inline uint32_t
unit_of(uintptr_t address) {
    return (uint32_t)(address & ((1U << HEAP_LG_SLOT) - 1)) * 2731 >> 16; /* offset / 24 */
}

static inline uint32_t
code_at(const span_t *line, uintptr_t address) {
    uint32_t unit = unit_of(address);
    return line->codes.codes[unit / 2] >> unit % 2 * 4 & 15;
}

static inline void
set_code(uintptr_t address, uint32_t code) {
    uint32_t unit = unit_of(address), shift = unit % 2 * 4;
    uint8_t *byte = &heap_span((void *)address)->codes.codes[unit / 2];
    *byte = (uint8_t)((*byte & ~(15U << shift)) | code << shift);
}

/* Bytes that a block takes. */
static inline uint32_t
rounded(uint32_t number, size_t size) {
    uint32_t bytes = ((uint32_t)size + (number != 0 ? (uint32_t)sizeof(uint16_t) : 0) + 7) & ~7U;
    return bytes < LEAST ? LEAST : bytes;
}

/* Writes down whose block it is. */
static inline void
set_kind(void *block, const owner_t *owner, uint32_t type, size_t size) {
    uint16_t number = owner->number;
    set_code((uintptr_t)block, type | (number != 0 ? CODE_NUMBER : 0));
    if (number != 0) {
        memcpy((char *)block + size, &number, sizeof(number));
    }
}

kind_t
mixed_kind(const heap_t *heap, const span_t *line, const void *block, size_t size) {
    uint32_t code = code_at(line, (uintptr_t)block);
    uint16_t number = 0;
    if (code & CODE_NUMBER) {
        memcpy(&number, (const char *)block + size, sizeof(number));
    }
    return (kind_t){heap->owners[number], code & (CODE_NUMBER - 1)};
}

/* ---- lists ---- */

/* The first bin whose blocks all have so many bytes. Above HEAP_MAX it is the last one, whose blocks may have less. */
static uint32_t
bin_above(uint32_t size) {
    if (size <= HEAP_SMALL_MAX) {
        return heap_bin(size);
    } else if (size > HEAP_MAX) {
        return MIXED_BINS - 1;
    }
    uint32_t lg = 31 - (uint32_t)__builtin_clz(size - 1); /* 2^lg < size <= 2^(lg + 1) */
    return HEAP_BINS + (lg - 8) * 8 + ((size - 1) >> (lg - 3)) - 8;
}

/* The last bin whose blocks may all have so few bytes. */
static inline uint32_t
bin_below(uint32_t size) {
    return size <= HEAP_SMALL_MAX ? heap_bin(size) : size > HEAP_MAX ? MIXED_BINS - 1 : bin_above(size + 1) - 1;
}

static inline void
push(heap_t *heap, uintptr_t address, uint32_t size) {
    mixed_t *mixed = &heap->mixed;
    uint32_t bin = bin_below(size);
    free_block_t *block = (free_block_t *)address, *next = mixed->lists[bin];
    *block = (free_block_t){next, NULL, size};
    if (next != NULL) {
        next->prev = block;
    }
    mixed->lists[bin] = block;
    mixed->filled |= UINT64_C(1) << bin;
    mixed->free_bytes += size;
    set_code(address, CODE_FREE);
}

static inline void
take_out(heap_t *heap, free_block_t *block) {
    mixed_t *mixed = &heap->mixed;
    uint32_t bin = bin_below(block->size);
    if (block->next != NULL) {
        block->next->prev = block->prev;
    }
    if (block->prev != NULL) {
        block->prev->next = block->next;
    } else {
        mixed->lists[bin] = block->next;
        mixed->filled &= ~((uint64_t)(block->next == NULL) << bin);
    }
    mixed->free_bytes -= block->size;
}

/* ---- neighbours ---- */

/* The end of what has been used of a block's chunk. */
static uintptr_t
end_of(const heap_t *heap, uintptr_t address) {
    uintptr_t end = heap_base((void *)address) + (1U << HEAP_LG_CHUNK), cursor = heap->mixed.cursor;
    return cursor != 0 && heap_base((void *)(cursor - 1)) == heap_base((void *)address) ? cursor : end;
}

/* The block at an address where one ends, if it is free. */
static free_block_t *
free_at(const heap_t *heap, uintptr_t address, uintptr_t end) {
    bool in_use =
        heap->mixed.gaps || address + LEAST > end || code_at(heap_span((void *)address), address) != CODE_FREE;
    return in_use ? NULL : (free_block_t *)address;
}

/* Joins a free block with the free ones that follow it, which leave their lists. Returns the next one of its list. */
static free_block_t *
join(heap_t *heap, free_block_t *block) {
    uintptr_t address = (uintptr_t)block, end = end_of(heap, address);
    uint32_t size = block->size;
    for (free_block_t *follower; (follower = free_at(heap, address + size, end)) != NULL;) {
        size += follower->size;
        take_out(heap, follower);
    }
    free_block_t *next = block->next;
    if (size != block->size) {
        take_out(heap, block);
        push(heap, address, size);
    }
    return next;
}

/* A block that grows may get into a list that is walked later. It is joined already, then. */
static void
join_all(heap_t *heap) {
    heap->mixed.freed = 0;
    for (uint32_t bin = 0; bin < MIXED_BINS; bin++) {
        for (free_block_t *block = heap->mixed.lists[bin]; block != NULL;) {
            block = join(heap, block);
        }
    }
}

/* ---- chunks ---- */

/* The chunk has no block in use any more: it becomes one for spans. */
static void
release_chunk(heap_t *heap, chunk_t *chunk) {
    uintptr_t at = (uintptr_t)chunk + (1U << HEAP_LG_SLOT), end = end_of(heap, at);
    for (free_block_t *block; (block = free_at(heap, at, end)) != NULL; at += block->size) {
        take_out(heap, block);
    }
    if (heap->mixed.cursor == end) {
        heap->mixed.cursor = 0;
    }
    chunk_release_mixed(heap, chunk);
}

/* What has not been used of the newest chunk becomes a free block. */
static void
leave_chunk(heap_t *heap) {
    uintptr_t at = heap->mixed.cursor, end = heap_base((void *)(at - 1)) + (1U << HEAP_LG_CHUNK);
    heap->mixed.cursor = 0;
    if (at != 0 && end - at >= LEAST) {
        push(heap, at, (uint32_t)(end - at));
    }
}

static bool
enter_chunk(heap_t *heap) {
    chunk_t *chunk = chunk_get_mixed(heap);
    if (chunk == NULL) {
        return false;
    }
    span_t *lines = (span_t *)chunk;
    for (uint32_t slot = 1; slot < HEAP_SLOTS; slot++) {
        lines[slot].codes.zero = 0;
        lines[slot].codes.mixed = true;
    }
    leave_chunk(heap);
    heap->mixed.cursor = (uintptr_t)chunk + (1U << HEAP_LG_SLOT);
    return true;
}

/* ---- new blocks ---- */

/* All of these: 0 if there is none. */

static inline uintptr_t
from_list(heap_t *heap, uint32_t size) {
    free_block_t *block = heap->mixed.lists[bin_below(size)];
    if (block == NULL || block->size != size) {
        return 0;
    }
    take_out(heap, block);
    return (uintptr_t)block;
}

/* A part of a free block that leaves a free block. */
static uintptr_t
from_larger(heap_t *heap, uint32_t size) {
    uint64_t filled = heap->mixed.filled >> bin_above(size + LEAST);
    free_block_t *block =
        filled == 0 ? NULL : heap->mixed.lists[bin_above(size + LEAST) + (uint32_t)__builtin_ctzll(filled)];
    if (block == NULL || block->size < size + LEAST) {
        return 0;
    }
    uint32_t left = block->size - size;
    take_out(heap, block);
    push(heap, (uintptr_t)block + size, left);
    return (uintptr_t)block;
}

static uintptr_t
from_unused(heap_t *heap, uint32_t size) {
    uintptr_t at = heap->mixed.cursor, end = heap_base((void *)(at - 1)) + (1U << HEAP_LG_CHUNK);
    if (at == 0 || end - at < size) {
        return 0;
    }
    heap->mixed.cursor = at + size;
    return at;
}

static uintptr_t
from_joined(heap_t *heap, uint32_t size) {
    if (heap->mixed.freed < JOIN_BYTES || heap->mixed.freed < heap->mixed.free_bytes / 2) {
        return 0;
    }
    join_all(heap);
    uintptr_t at = from_list(heap, size);
    return at != 0 ? at : from_larger(heap, size);
}

static uintptr_t
from_new_chunk(heap_t *heap, uint32_t size) {
    return enter_chunk(heap) ? from_unused(heap, size) : 0;
}

static inline void *
hand_out(heap_t *heap, uintptr_t at, const owner_t *owner, uint32_t type, size_t size) {
    if (at == 0) {
        return NULL;
    }
    set_kind((void *)at, owner, type, size);
    heap_chunk((void *)at)->used += rounded(owner->number, size);
    heap->mixed.blocks++;
    return (void *)at;
}

void *
mixed_alloc_free_one(heap_t *heap, const owner_t *owner, uint32_t type, size_t size) {
    return hand_out(heap, from_list(heap, rounded(owner->number, size)), owner, type, size);
}

void *
mixed_alloc(heap_t *heap, const owner_t *owner, uint32_t type, size_t size) {
    uint32_t bytes = rounded(owner->number, size);
    uintptr_t at = from_list(heap, bytes);
    at = at != 0 ? at : from_larger(heap, bytes);
    at = at != 0 ? at : from_joined(heap, bytes);
    at = at != 0 ? at : from_unused(heap, bytes);
    at = at != 0 ? at : from_new_chunk(heap, bytes);
    return hand_out(heap, at, owner, type, size);
}

void
mixed_free(heap_t *heap, void *block, kind_t kind, size_t size) {
    chunk_t *chunk = heap_chunk(block);
    uint32_t bytes = rounded(kind.owner->number, size);
    push(heap, (uintptr_t)block, bytes);
    heap->mixed.freed += bytes;
    heap->mixed.blocks--;
    chunk->used -= bytes;
    if (chunk->used == 0 && !heap->mixed.gaps) {
        release_chunk(heap, chunk);
    }
}

bool
mixed_resize(heap_t *heap, void *block, kind_t kind, size_t old_size, size_t new_size, bool must) {
    uint32_t was = rounded(kind.owner->number, old_size), is = rounded(kind.owner->number, new_size);
    if (is > was || (is != was && was - is < LEAST && !must)) {
        return false;
    }
    set_kind(block, kind.owner, kind.type, new_size);
    if (was - is >= LEAST) {
        push(heap, (uintptr_t)block + is, was - is);
        heap_chunk(block)->used -= was - is;
    } else if (was != is) {
        heap->mixed.gaps = true;
    }
    return true;
}

/* ---- checks ---- */

/* Bytes of free blocks of a chunk in the lists; SIZE_MAX if one is in a wrong list, or has a wrong code. */
static size_t
free_bytes_of(const heap_t *heap, const chunk_t *chunk) {
    size_t bytes = 0;
    for (uint32_t bin = 0; bin < MIXED_BINS; bin++) {
        for (const free_block_t *block = heap->mixed.lists[bin]; block != NULL; block = block->next) {
            bool ok = bin_below(block->size) == bin && free_at(heap, (uintptr_t)block, UINTPTR_MAX) != NULL;
            if (!ok && !heap->mixed.gaps) {
                return SIZE_MAX;
            }
            bytes += heap_chunk(block) == chunk ? block->size : 0;
        }
    }
    return bytes;
}

/* Bytes at the end of a chunk that have not been used, or are too few for a block. */
static bool
is_whole(const heap_t *heap, const chunk_t *chunk) {
    uintptr_t begin = (uintptr_t)chunk + (1U << HEAP_LG_SLOT);
    size_t used = end_of(heap, begin) - begin, known = chunk->used + free_bytes_of(heap, chunk);
    return heap->mixed.gaps || (known <= used && used - known < LEAST);
}

bool
mixed_check(const heap_t *heap) {
    uint32_t i = 0;
    bool ok = true;
    for (const entry_t *entry; ok && (entry = table_next(&heap->chunks, &i)) != NULL;) {
        const chunk_t *chunk = (const chunk_t *)entry->address;
        ok = !chunk->mixed || (!chunk->linked && is_whole(heap, chunk));
    }
    for (uint32_t bin = 0; bin < MIXED_BINS; bin++) {
        ok = ok && (heap->mixed.filled >> bin & 1) == (heap->mixed.lists[bin] != NULL);
    }
    return ok;
}

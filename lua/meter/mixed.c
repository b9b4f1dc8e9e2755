/*
 * mixed.c -- free blocks are in lists by size (lists.h), most recently freed first.
 *
 * Blocks follow each other without gaps. So the code (codes.h) at the end of a free block tells whether the next one is
 * free, and one pass over the lists joins all neighbours. The blocks at the ends of lines have no neighbours: they are
 * as the slots of other chunks (chunk.h).
 *
 * After a run of frees, further ones are pending (pending.h) until the next allocation, or until they are many.
 */
#include "meter/mixed.h"

#include "meter/chunk.h"
#include "meter/lists.h"
#include "meter/pending.h"

#define LEAST CODES_LEAST
_Static_assert(sizeof(free_block_t) <= LEAST && sizeof(notes_t) + sizeof(uint64_t) <= LEAST, "what lies in free ones");
/* Neighbours are joined when so many bytes have been freed since, and half of those that are free: so each block that
 * is freed pays for few visits to others. */
#define JOIN_BYTES 4096
/* Blocks freed one after the other before further ones are pending; and bytes of these before they get into lists, so
 * that chunks go back. */
#define RUN_BLOCKS    64
#define PENDING_BYTES ((size_t)1 << 19)
#define AHEAD         512 /* bytes, which are fetched into the cache */
#define NOINLINE      __attribute__((noinline))

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
    bool in_use = heap->mixed.gaps || address + LEAST > end || codes_get(address) != CODES_FREE;
    return in_use ? NULL : (free_block_t *)address;
}

/* Joins a free block with the free ones that follow it, which leave their lists. Returns the next one of its list. */
static free_block_t *
join(heap_t *heap, free_block_t *block) {
    uintptr_t address = (uintptr_t)block, end = end_of(heap, address);
    uint32_t size = block->size;
    for (free_block_t *follower; (follower = free_at(heap, address + size, end)) != NULL;) {
        size += follower->size;
        lists_take_out(heap, follower);
    }
    free_block_t *next = block->next;
    if (size != block->size) {
        lists_take_out(heap, block);
        lists_push(heap, address, size);
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
        lists_take_out(heap, block);
    }
    if (heap->mixed.cursor == end) {
        heap->mixed.cursor = 0;
    }
    chunk_release_mixed(heap, chunk);
}

/* All free blocks of the chunk are in lists. */
static inline void
release_if_empty(heap_t *heap, chunk_t *chunk) {
    if (chunk->used == 0 && !heap->mixed.gaps) {
        release_chunk(heap, chunk);
    }
}

/* What has not been used of the newest chunk becomes a free block. */
static void
leave_chunk(heap_t *heap) {
    uintptr_t at = heap->mixed.cursor, end = heap_base((void *)(at - 1)) + (1U << HEAP_LG_CHUNK);
    heap->mixed.cursor = 0;
    if (at != 0 && end - at >= LEAST) {
        lists_push(heap, at, (uint32_t)(end - at));
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
        lines[slot].codes.codes[0] = HEAP_MIXED;
    }
    leave_chunk(heap);
    heap->mixed.cursor = (uintptr_t)chunk + (1U << HEAP_LG_SLOT);
    return true;
}

/* ---- pending blocks ---- */

static inline void
list_block(heap_t *heap, pending_t block) {
    lists_push(heap, block.address, block.bytes);
    heap->mixed.freed += block.bytes;
}

/* Takes back the chunks that a noted block was the last one of; that of the notes at the end. They are taken back in
 * the order in which they became empty, as without notes: then neighbours are free together. */
static void
release_noted(heap_t *heap, const notes_t *notes, pending_t around, pending_t first, uint32_t n) {
    chunk_t *own = heap_chunk(notes);
    for (uint32_t i = 0; i < n; i++) {
        pending_t block = i == 0 ? first : pending_of(notes->entries[i]);
        if (block.last && heap_chunk((void *)block.address) != own) {
            release_if_empty(heap, heap_chunk((void *)block.address));
        }
        around.last = around.last || (block.last && heap_chunk((void *)block.address) == own);
    }
    if (around.last) {
        release_if_empty(heap, own);
    }
}

/* In the order in which they were freed: the newest one is allocated first. A block that gets into a list loses the
 * head and the first entry of the notes that lie in it. */
static NOINLINE void
list_pending(heap_t *heap) {
    for (notes_t *notes = pending_take_all(&heap->mixed), *next; notes != NULL; notes = next) {
        uint32_t n = notes->n;
        pending_t around = pending_around(notes), first = pending_of(notes->entries[0]);
        next = notes->before;
        list_block(heap, around);
        for (uint32_t i = 0; i < n; i++) {
            list_block(heap, i == 0 ? first : pending_of(notes->entries[i]));
        }
        release_noted(heap, notes, around, first, n);
    }
}

void
mixed_end_run(heap_t *heap) {
    heap->mixed.run = 0;
    if (__builtin_expect(heap->mixed.notes != NULL, 0)) {
        list_pending(heap);
    }
}

/* ---- new blocks ---- */

/* All of these: 0 if there is none. */

static inline uintptr_t
from_list(heap_t *heap, uint32_t size) {
    free_block_t *block = heap->mixed.lists[lists_bin_below(size)];
    if (block == NULL || block->size != size) {
        return 0;
    }
    lists_take_out(heap, block);
    return (uintptr_t)block;
}

/* A part of a free block that leaves a free block. */
static uintptr_t
from_larger(heap_t *heap, uint32_t size) {
    uint64_t filled = heap->mixed.filled >> lists_bin_above(size + LEAST);
    free_block_t *block =
        filled == 0 ? NULL : heap->mixed.lists[lists_bin_above(size + LEAST) + (uint32_t)__builtin_ctzll(filled)];
    if (block == NULL || block->size < size + LEAST) {
        return 0;
    }
    uint32_t left = block->size - size;
    lists_take_out(heap, block);
    lists_push(heap, (uintptr_t)block + size, left);
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

/* The block at the end of a line. */
static uintptr_t
from_ends(heap_t *heap, uint32_t size) {
    span_t *line = size == CODES_END ? chunk_get_end(heap) : NULL;
    return line != NULL ? (uintptr_t)line->codes.end : 0;
}

static inline void *
hand_out(heap_t *heap, uintptr_t at, const owner_t *owner, uint32_t type, size_t size) {
    if (at == 0) {
        return NULL;
    }
    codes_set_kind((void *)at, owner, type, size);
    heap_chunk((void *)at)->used += codes_rounded(owner->number, size);
    heap->mixed.blocks++;
    return (void *)at;
}

void *
mixed_alloc_free_one(heap_t *heap, const owner_t *owner, uint32_t type, size_t size) {
    uint32_t bytes = codes_rounded(owner->number, size);
    mixed_end_run(heap);
    uintptr_t at = from_list(heap, bytes);
    at = at != 0 ? at : from_ends(heap, bytes);
    return hand_out(heap, at, owner, type, size);
}

void *
mixed_alloc(heap_t *heap, const owner_t *owner, uint32_t type, size_t size) {
    uint32_t bytes = codes_rounded(owner->number, size);
    mixed_end_run(heap);
    uintptr_t at = from_list(heap, bytes);
    at = at != 0 ? at : from_ends(heap, bytes);
    at = at != 0 ? at : from_larger(heap, bytes);
    at = at != 0 ? at : from_joined(heap, bytes);
    at = at != 0 ? at : from_unused(heap, bytes);
    at = at != 0 ? at : from_new_chunk(heap, bytes);
    return hand_out(heap, at, owner, type, size);
}

/* ---- blocks that are freed ---- */

/* No block is in use, so no list is worth its repair. */
static NOINLINE void
release_all(heap_t *heap) {
    heap->mixed = (mixed_t){.run = heap->mixed.run};
    chunk_release_all_mixed(heap);
}

/* During a run. The next one that a state frees while it closes is probably before this one: it was made earlier. */
static inline void
make_pending(heap_t *heap, pending_t block) {
    __builtin_prefetch((const char *)block.address - AHEAD);
    if (!pending_note(&heap->mixed, block)) {
        pending_begin(&heap->mixed, block);
        if (heap->mixed.pending >= PENDING_BYTES) {
            list_pending(heap);
        }
    }
}

static inline void
make_free(heap_t *heap, pending_t block) {
    list_block(heap, block);
    if (block.last) {
        release_if_empty(heap, heap_chunk((void *)block.address));
    }
}

/* The block at the end of a line. */
static NOINLINE void
make_end_free(heap_t *heap, const void *block) {
    chunk_release_end(heap, block);
    if (heap_chunk(block)->used == 0) {
        list_pending(heap);
        release_if_empty(heap, heap_chunk(block));
    }
}

size_t *
mixed_free(heap_t *heap, void *block, size_t size) {
    mixed_t *mixed = &heap->mixed;
    kind_t kind = codes_kind(heap, block, size);
    uint32_t bytes = codes_rounded(kind.owner->number, size);
    uint32_t left = heap_chunk(block)->used -= bytes;
    pending_t freed = {(uintptr_t)block, bytes, left == 0};
    if (--mixed->blocks == 0) {
        release_all(heap);
    } else if (codes_is_end((uintptr_t)block)) {
        make_end_free(heap, block);
    } else if (mixed->run >= RUN_BLOCKS) {
        make_pending(heap, freed);
    } else {
        mixed->run++;
        make_free(heap, freed);
    }
    return &kind.owner->accounts[kind.type];
}

bool
mixed_resize(heap_t *heap, void *block, kind_t kind, size_t old_size, size_t new_size, bool must) {
    uint32_t was = codes_rounded(kind.owner->number, old_size), is = codes_rounded(kind.owner->number, new_size);
    if (is > was || (is != was && was - is < LEAST && !must)) {
        return false;
    }
    codes_set_kind(block, kind.owner, kind.type, new_size);
    if (was - is >= LEAST) {
        lists_push(heap, (uintptr_t)block + is, was - is);
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
            bool ok = lists_bin_below(block->size) == bin && free_at(heap, (uintptr_t)block, UINTPTR_MAX) != NULL;
            if (!ok && !heap->mixed.gaps) {
                return SIZE_MAX;
            }
            bytes += heap_chunk(block) == chunk ? block->size : 0;
        }
    }
    return bytes;
}

static size_t
bytes_in(const chunk_t *chunk, pending_t block) {
    return heap_chunk((void *)block.address) == chunk ? block.bytes : 0;
}

/* The same of pending ones. */
static size_t
pending_bytes_of(const heap_t *heap, const chunk_t *chunk) {
    size_t bytes = 0;
    for (const notes_t *notes = heap->mixed.notes; notes != NULL; notes = notes->before) {
        bytes += bytes_in(chunk, pending_around(notes));
        for (uint32_t i = 0; i < notes->n; i++) {
            bytes += bytes_in(chunk, pending_of(notes->entries[i]));
        }
    }
    return bytes;
}

/* Bytes at the end of a chunk that have not been used, or are too few for a block. */
static bool
is_whole(const heap_t *heap, const chunk_t *chunk) {
    uintptr_t begin = (uintptr_t)chunk + (1U << HEAP_LG_SLOT);
    size_t used = end_of(heap, begin) - begin;
    size_t ends = (size_t)(HEAP_SLOTS - 1 - (uint32_t)__builtin_popcount(chunk->free_slots)) * CODES_END;
    size_t known = chunk->used - ends + free_bytes_of(heap, chunk) + pending_bytes_of(heap, chunk);
    return heap->mixed.gaps || (known <= used && used - known < LEAST);
}

bool
mixed_check(const heap_t *heap) {
    uint32_t i = 0;
    bool ok = true;
    for (const entry_t *entry; ok && (entry = table_next(&heap->chunks, &i)) != NULL;) {
        const chunk_t *chunk = (const chunk_t *)entry->address;
        ok = !heap_is_mixed_chunk(chunk) || is_whole(heap, chunk);
    }
    for (uint32_t bin = 0; bin < MIXED_BINS; bin++) {
        ok = ok && (heap->mixed.filled >> bin & 1) == (heap->mixed.lists[bin] != NULL);
    }
    return ok;
}

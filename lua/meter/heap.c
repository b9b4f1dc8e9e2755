/* heap.c -- spans: which are made, which serve next, and when their pages are given back. chunk.c gets the pages. */
#include "meter/heap.h"

#include "meter/chunk.h"

#include <string.h>
#include <time.h>

/* A size gets a span of its own when blocks of so many bytes have been put into larger ones. */
#define OWN_SPAN_BYTES 1024

span_t heap_no_span;

/* Of splitmix64, from the time, this heap's address and a count of heaps. */
static uint64_t
random_number(const heap_t *heap) {
    static _Atomic uint64_t count;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t x = (uint64_t)now.tv_nsec + ((uint64_t)now.tv_sec << 32) + (uintptr_t)heap + (++count << 48);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static void
forget_spans(heap_t *heap) {
    heap->owner = random_number(heap);
    for (uint32_t bin = 0; bin < HEAP_BINS; bin++) {
        heap->bins[bin] = &heap_no_span;
    }
}

void
heap_init(heap_t *heap, arena_memory_t memory) {
    heap->memory = memory;
    forget_spans(heap);
}

void
heap_destroy(heap_t *heap) {
    uint32_t i = 0;
    for (entry_t *entry; (entry = table_next(&heap->large, &i)) != NULL;) {
        memory_give_back(&heap->memory, (void *)entry->address);
    }
    table_destroy(&heap->large, &heap->memory);
    heap->large_bytes = 0;
    chunk_destroy_all(heap);
    forget_spans(heap);
}

/* ---- lists of spans ---- */

static void
unlink_span(heap_t *heap, span_t *span) {
    if (span->prev != NULL) {
        span->prev->next = span->next;
    } else {
        heap->bins[span->bin] = span->next != NULL ? span->next : &heap_no_span;
    }
    if (span->next != NULL) {
        span->next->prev = span->prev;
    }
    span->linked = false;
}

static bool
is_full(const span_t *span) {
    return span->used == span->blocks;
}

/* Puts a span second, or first if there is none: the first one serves until it is full. */
static void
link_span(heap_t *heap, span_t *span) {
    span_t *head = heap->bins[span->bin];
    span->linked = true;
    span->prev = head == &heap_no_span ? NULL : head;
    span->next = head == &heap_no_span ? NULL : head->next;
    if (span->next != NULL) {
        span->next->prev = span;
    }
    if (span->prev != NULL) {
        span->prev->next = span;
    } else {
        heap->bins[span->bin] = span;
    }
}

/* A span that becomes empty gives its pages back, unless it is the only one that its bin can take blocks from. */
void
heap_span_changed(heap_t *heap, span_t *span) {
    if (span->used == 0 && !(span->linked && span->next == NULL && span->prev == NULL)) {
        if (span->linked) {
            unlink_span(heap, span);
        }
        span->owner = 0;
        chunk_release(heap, span);
    } else if (!span->linked) {
        link_span(heap, span);
    }
}

/* ---- new blocks ---- */

/* Where block k of a span is. */
static void **
block_at(const span_t *span, uint32_t k) {
    uintptr_t pages = (uintptr_t)span >> heap_lg(span->size) << heap_lg(span->size);
    return (void **)(pages + (uintptr_t)k * span->size);
}

/* Is there room for block k beside the header and the tags? */
static bool
has_room(const span_t *span, uint32_t k) {
    uintptr_t block = (uintptr_t)block_at(span, k);
    return block + span->size <= (uintptr_t)span || block >= (uintptr_t)&span->tags[span->limit];
}

/* Adds blocks that were never used to the free ones: one, and all that are in its page. */
static void
carve(span_t *span) {
    void **last = &span->free;
    uintptr_t page = 0;
    *last = NULL;
    for (; span->carved < span->limit; span->carved++) {
        void **block = block_at(span, span->carved);
        if (page != 0 && (uintptr_t)block >> HEAP_LG_PAGE != page) {
            break;
        }
        if (has_room(span, span->carved)) {
            page = (uintptr_t)block >> HEAP_LG_PAGE;
            *last = block;
            last = block;
            *last = NULL;
        }
    }
}

/* The first span of the bin with a free block; NULL if there is none. Full ones leave the list. */
static span_t *
span_with_block(heap_t *heap, uint32_t bin) {
    span_t *span;
    while ((span = heap->bins[bin]) != &heap_no_span && span->free == NULL) {
        if (span->carved < span->limit) {
            carve(span);
        } else {
            unlink_span(heap, span);
        }
    }
    return span != &heap_no_span ? span : NULL;
}

/* How many blocks have room. */
static uint32_t
count_blocks(const span_t *span) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < span->limit; k++) {
        n += has_room(span, k);
    }
    return n;
}

static span_t *
new_span(heap_t *heap, uint32_t bin) {
    uint32_t size = heap_bin_size(bin), lg = heap_lg(size);
    chunk_t *chunk;
    span_t *span = chunk_get(heap, lg == HEAP_LG_QUAD, &chunk);
    if (span == NULL) {
        return NULL;
    }
    *span = (span_t){
        .owner = heap->owner,
        .limit = (uint16_t)((1U << lg) / size),
        .reciprocal = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size),
        .size = (uint16_t)size,
        .bin = (uint8_t)bin,
        .chunk = chunk,
    };
    span->blocks = (uint16_t)count_blocks(span);
    heap->borrowed[bin] = 0;
    link_span(heap, span);
    return span_with_block(heap, bin);
}

/* The bin whose blocks few of this bin's size share with others: multiples of 16, 32, 64; quarters of powers of two. */
static uint32_t
shared_bin(uint32_t bin) {
    if (bin >= HEAP_PAGE_BINS) {
        return bin + (bin - HEAP_PAGE_BINS + 1) % 2;
    }
    uint32_t step = bin <= 12 ? 2 : bin <= 24 ? 4 : 8;
    return (bin + step - 1) / step * step;
}

/* For a size that has no span with a free block, and of which there are few blocks: one of a larger size. */
static span_t *
borrow_span(heap_t *heap, uint32_t bin) {
    uint32_t last = shared_bin(bin);
    if (heap->borrowed[bin] * heap_bin_size(bin) >= OWN_SPAN_BYTES) {
        return NULL;
    }
    span_t *span = NULL;
    for (uint32_t larger = bin + 1; larger <= last && span == NULL; larger++) {
        span = span_with_block(heap, larger);
    }
    span = span == NULL && last > bin ? new_span(heap, last) : span;
    heap->borrowed[bin] = (uint16_t)(heap->borrowed[bin] + (span != NULL));
    return span;
}

static void *
alloc_small(heap_t *heap, uint32_t bin, uint16_t tag) {
    span_t *span = span_with_block(heap, bin);
    span = span == NULL ? borrow_span(heap, bin) : span;
    span = span == NULL ? new_span(heap, bin) : span;
    if (span == NULL) {
        return NULL;
    }
    return heap_take(span, tag, heap_lg(span->size));
}

/* ---- large blocks ---- */

static void *
alloc_large(heap_t *heap, size_t size, uint16_t tag) {
    if (!table_reserve(&heap->large, &heap->memory)) {
        return NULL;
    }
    void *block = memory_get(&heap->memory, size, sizeof(void *));
    if (block != NULL) {
        table_add(&heap->large, (entry_t){(uintptr_t)block, size, (void *)(uintptr_t)tag});
        heap->large_bytes += size;
    }
    return block;
}

void *
heap_alloc_slow(heap_t *heap, size_t size, uint16_t tag) {
    if (size == 0) {
        return NULL;
    }
    return size > HEAP_MAX ? alloc_large(heap, size, tag) : alloc_small(heap, heap_bin(size), tag);
}

uint16_t
heap_free_large(heap_t *heap, entry_t *entry) {
    entry_t was = *entry;
    table_remove(&heap->large, entry);
    heap->large_bytes -= was.size;
    memory_give_back(&heap->memory, (void *)was.address);
    return heap_large_tag(&was);
}

void *
heap_resize_large(heap_t *heap, entry_t *entry, size_t size) {
    entry_t was = *entry;
    void *block = heap->memory.api->rallocx((void *)was.address, size, memory_flags(&heap->memory));
    if (block != NULL) {
        heap->large_bytes += size - was.size;
        table_remove(&heap->large, entry);
        table_add(&heap->large, (entry_t){(uintptr_t)block, size, was.data});
    }
    return block;
}

/* ---- totals and checks ---- */

/* Calls visit for each span of a chunk, until it returns false; returns whether it never did. */
static bool
each_span(const chunk_t *chunk, bool (*visit)(span_t *span, void *context), void *context) {
    bool ok = true;
    for (uint32_t page = 0; page < 16 && ok; page++) {
        bool quad = chunk->quads >> page & 1;
        if (!(chunk->free_pages >> page & 1) && !(quad && page % 4 != 0)) {
            uintptr_t address = chunk->base + ((uintptr_t)page << HEAP_LG_PAGE);
            ok = visit(heap_span((const void *)address, quad ? HEAP_LG_QUAD : HEAP_LG_PAGE), context);
        }
    }
    return ok;
}

static bool
add_used(span_t *span, void *context) {
    *(uint64_t *)context += span->used;
    return true;
}

heap_totals_t
heap_totals(const heap_t *heap) {
    heap_totals_t totals = {.held = heap->large_bytes, .blocks = heap->large.count};
    uint32_t i = 0;
    for (const entry_t *entry; (entry = table_next(&heap->chunks, &i)) != NULL;) {
        totals.held += 1U << HEAP_LG_CHUNK;
        each_span(entry->data, add_used, &totals.blocks);
    }
    return totals;
}

/* context: the chunk that the span must belong to. */
static bool
check_span(span_t *span, void *context) {
    uint32_t nfree = 0, ncarved = 0;
    for (void **block = span->free; block != NULL; block = *block) {
        uint32_t k = (uint32_t)(((uintptr_t)block & ((1U << heap_lg(span->size)) - 1)) / span->size);
        if (block_at(span, k) != block || k >= span->carved || !has_room(span, k) || nfree++ > span->limit) {
            return false;
        }
    }
    for (uint32_t k = 0; k < span->carved; k++) {
        ncarved += has_room(span, k);
    }
    return span->chunk == context && span->owner != 0 && span->used + nfree == ncarved &&
           (span->linked || is_full(span));
}

bool
heap_check(const heap_t *heap) {
    uint32_t i = 0, nempty = 0;
    bool ok = true;
    for (const entry_t *entry; ok && (entry = table_next(&heap->chunks, &i)) != NULL;) {
        chunk_t *chunk = entry->data;
        nempty += chunk->free_pages == UINT16_MAX;
        ok = chunk->base == entry->address && (chunk->quads & chunk->free_pages) == 0 &&
             chunk->linked == (chunk->free_pages != 0) && each_span(chunk, check_span, chunk);
    }
    return ok && nempty == heap->nempty;
}

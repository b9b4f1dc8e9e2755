/* heap.c -- spans: which are made, which serve next, and when their pages are given back. chunk.c gets the pages. */
#include "meter/heap.h"

#include "meter/chunk.h"

#include <string.h>

/* A size gets a page or a quad of its own when blocks of so many bytes have been put into larger ones. */
#define OWN_PAGE_BYTES 1024
#define OWN_QUAD_BYTES 8192

span_t heap_no_span;

static void
forget_spans(heap_t *heap) {
    for (uint32_t bin = 0; bin < HEAP_BINS; bin++) {
        heap->bins[bin] = &heap_no_span;
        heap->nspans[bin] = heap->borrowed[bin] = 0;
    }
}

void
heap_init(heap_t *heap, arena_memory_t memory) {
    heap->memory = memory;
    heap->known = heap_knows_nothing;
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
    heap_free_known(heap);
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

/* A span that becomes empty gives its pages back. */
void
heap_span_changed(heap_t *heap, span_t *span) {
    if (span->used == 0) {
        if (span->linked) {
            unlink_span(heap, span);
        }
        heap->nspans[span->bin]--;
        chunk_release(heap, span);
    } else if (!span->linked) {
        link_span(heap, span);
    }
}

/* ---- new blocks ---- */

/* The first span of the bin with a free block, with `word` at such; NULL if there is none. Full ones leave the list. */
static span_t *
span_with_block(heap_t *heap, uint32_t bin) {
    span_t *span;
    while ((span = heap->bins[bin]) != &heap_no_span && is_full(span)) {
        unlink_span(heap, span);
    }
    if (span == &heap_no_span) {
        return NULL;
    }
    while (heap_ready(span) == 0) {
        span->word = (uint8_t)((span->word + 1) % 4);
    }
    return span;
}

/* The blocks that header and tags leave no room for: from *first up to *end. */
static void
find_header(const span_t *span, uint32_t *first, uint32_t *end) {
    uintptr_t begin = (uintptr_t)span & ((1U << heap_lg(span->size)) - 1);
    *first = (uint32_t)(begin / span->size);
    *end = (uint32_t)((begin + sizeof(span_t) + span->limit * sizeof(uint16_t) + span->size - 1) / span->size);
    *end = *end < span->limit ? *end : span->limit;
}

/* Makes all blocks free. */
static void
set_free(span_t *span) {
    uint32_t first, end;
    find_header(span, &first, &end);
    for (uint32_t word = 0; word * 64 < span->limit; word++) {
        uint32_t n = span->limit - word * 64;
        span->free[word] = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    }
    for (uint32_t k = first; k < end; k++) {
        span->free[k / 64] &= ~(UINT64_C(1) << k % 64);
    }
    span->blocks = (uint16_t)(span->limit - (end - first));
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
        .reciprocal = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size),
        .size = (uint16_t)size,
        .bin = (uint8_t)bin,
        .limit = (uint16_t)((1U << lg) / size),
        .chunk = chunk,
    };
    set_free(span);
    heap->nspans[bin]++;
    heap->borrowed[bin] = 0;
    link_span(heap, span);
    return span_with_block(heap, bin);
}

/* The bin that sizes of which there are few blocks share: the next power of two, from 32 on. */
static uint32_t
shared_bin(uint32_t bin) {
    uint32_t size = heap_bin_size(bin);
    return size <= 32 ? heap_bin(32) : heap_bin(UINT64_C(1) << (64 - __builtin_clzll(size - 1)));
}

/* Are there so few blocks of this size that they shall share spans with others? */
static bool
is_rare(const heap_t *heap, uint32_t bin) {
    uint32_t bytes = heap->borrowed[bin] * heap_bin_size(bin);
    return heap->nspans[bin] == 0 && bytes < (bin < HEAP_PAGE_BINS ? OWN_PAGE_BYTES : OWN_QUAD_BYTES);
}

/* For a size of which there are few blocks: a span of a larger size. NULL if there are many, or no memory. */
static span_t *
borrow_span(heap_t *heap, uint32_t bin) {
    uint32_t last = shared_bin(bin);
    span_t *span = NULL;
    if (last == bin || !is_rare(heap, bin)) {
        return NULL;
    }
    for (uint32_t larger = bin + 1; larger <= last && span == NULL; larger++) {
        span = span_with_block(heap, larger);
    }
    span = span == NULL ? new_span(heap, last) : span;
    heap->borrowed[bin]++;
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
    return heap_take(span, heap_ready(span), tag, heap_lg(span->size));
}

/* ---- large blocks ---- */

static void *
alloc_large(heap_t *heap, size_t size, uint16_t tag) {
    chunk_will_grow(heap, size);
    if (size >= 1U << HEAP_LG_CHUNK) {
        chunk_trim(heap);
    }
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
    chunk_will_grow(heap, size > was.size ? size - was.size : 0);
    if (size >= 1U << HEAP_LG_CHUNK && size > was.size) {
        chunk_trim(heap);
    }
    void *block = heap->memory.api->rallocx((void *)was.address, size, memory_flags(&heap->memory));
    if (block != NULL) {
        heap->large_bytes += size - was.size;
        table_remove(&heap->large, entry);
        table_add(&heap->large, (entry_t){(uintptr_t)block, size, was.data});
    }
    return block;
}

/* ---- any block ---- */

span_t *
heap_locate(heap_t *heap, const void *block) {
    const entry_t *entry = table_find(&heap->chunks, heap_base(block));
    if (entry == NULL) {
        return NULL;
    }
    const chunk_t *chunk = entry->data;
    bool quad = chunk->quads >> ((uintptr_t)block >> HEAP_LG_PAGE & 15) & 1;
    if (heap->known != heap_knows_nothing) {
        heap->known[chunk->base >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] = chunk->base;
    }
    return heap_span(block, quad ? HEAP_LG_QUAD : HEAP_LG_PAGE);
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
    uint32_t nfree = 0, first, end;
    bool beside = true;
    for (uint32_t word = 0; word < 4; word++) {
        nfree += (uint32_t)__builtin_popcountll(span->free[word]);
    }
    find_header(span, &first, &end);
    for (uint32_t k = first; k < end; k++) {
        beside = beside && !(span->free[k / 64] >> k % 64 & 1);
    }
    return span->chunk == context && beside && span->used + nfree == span->blocks && (span->linked || is_full(span));
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

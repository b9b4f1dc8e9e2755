/* check.c -- walks over a heap: what it has, and whether its invariants hold. */
#include "meter/mixed.h"

/* Blocks in use of a chunk's spans; UINT32_MAX at a broken invariant. */
static uint32_t
blocks_of_spans(const chunk_t *chunk) {
    uint32_t total = 0;
    bool ok = true;
    for (uint32_t slot = 1; slot < HEAP_SLOTS; slot++) {
        const span_t *span = (const span_t *)chunk + slot;
        if (!(chunk->free_slots >> slot & 1)) {
            uint32_t blocks = heap_blocks(span->bin);
            uint32_t nfree = (uint32_t)(__builtin_popcountll(span->free[0]) + __builtin_popcountll(span->free[1]));
            ok = ok && !heap_is_mixed(span) && nfree < blocks && (span->linked || nfree == 0) &&
                 heap_span(span->base) == span && (blocks > HEAP_WORD || !heap_is_flipped(span));
            total += blocks - nfree;
        }
    }
    return ok ? total : UINT32_MAX;
}

heap_totals_t
heap_totals(const heap_t *heap) {
    heap_totals_t totals = {.held = heap->large_bytes, .blocks = heap->large.count + heap->mixed.blocks};
    uint32_t i = 0;
    for (const entry_t *entry; (entry = table_next(&heap->chunks, &i)) != NULL;) {
        const chunk_t *chunk = (const chunk_t *)entry->address;
        totals.held += 1U << HEAP_LG_CHUNK;
        totals.blocks += heap_is_mixed_chunk(chunk) ? 0 : blocks_of_spans(chunk);
    }
    return totals;
}

bool
heap_check(const heap_t *heap) {
    uint32_t i = 0, nempty = 0;
    bool ok = mixed_check(heap);
    for (const entry_t *entry; ok && (entry = table_next(&heap->chunks, &i)) != NULL;) {
        const chunk_t *chunk = (const chunk_t *)entry->address;
        bool mixed = heap_is_mixed_chunk(chunk);
        nempty += !mixed && chunk->free_slots == UINT32_MAX - 1;
        ok = chunk->linked == (chunk->free_slots != 0) && (mixed || blocks_of_spans(chunk) != UINT32_MAX);
    }
    return ok && nempty == heap->nempty;
}

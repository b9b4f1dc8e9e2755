/*
 * lists.h -- the free mixed blocks (mixed.h) of a heap, in lists by size. The newest one is first.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_LISTS_H
#define LUNALLOC_METER_LISTS_H

#include "meter/codes.h"

/* The first bin whose blocks all have so many bytes. Above HEAP_MAX it is the last one, whose blocks may have less. */
static inline uint32_t
lists_bin_above(uint32_t size) {
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
lists_bin_below(uint32_t size) {
    return size <= HEAP_SMALL_MAX ? heap_bin(size) : size > HEAP_MAX ? MIXED_BINS - 1 : lists_bin_above(size + 1) - 1;
}

/* Puts free memory into its list; its code tells it. */
static inline void
lists_push(heap_t *heap, uintptr_t address, uint32_t size) {
    mixed_t *mixed = &heap->mixed;
    uint32_t bin = lists_bin_below(size);
    free_block_t *block = (free_block_t *)address, *next = mixed->lists[bin];
    *block = (free_block_t){next, NULL, size};
    if (next != NULL) {
        next->prev = block;
    }
    mixed->lists[bin] = block;
    mixed->filled |= UINT64_C(1) << bin;
    mixed->free_bytes += size;
    codes_set(address, CODES_FREE);
}

/* Takes a block out of its list. Its code stays. */
static inline void
lists_take_out(heap_t *heap, free_block_t *block) {
    mixed_t *mixed = &heap->mixed;
    uint32_t bin = lists_bin_below(block->size);
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

#endif

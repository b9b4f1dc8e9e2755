/*
 * codes.h -- what a chunk that is mixed (mixed.h) knows of each block: three bits, where the block begins.
 *
 * A code is the type of a block of the first owner; or tells that the block is of another one, or that it is free and
 * in a list. A block of another owner ends in two bytes with its type and the owner's number. The code of a free block
 * that is in no list says nothing.
 *
 * Codes are by *units* of 24 bytes: no block is smaller, so no two begin in one unit. A word has 21 codes. The chunk's
 * own line has those of the last units, and of the blocks at the ends of lines:
 *
 *   line 1 .. 31:  units 0 .. 83, 84 .. 167, ..., 2520 .. 2603
 *   line 0:        words 0 and 1: units 2604 .. 2644; words 2 and 3: the blocks at the ends of lines 0 .. 31
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_CODES_H
#define LUNALLOC_METER_CODES_H

#include "meter/heap.h"

#include <string.h>

#define CODES_LEAST    24U /* bytes of the smallest block */
#define CODES_END      32U /* of one at the end of a line */
#define CODES_FREE     6U
#define CODES_OTHER    7U /* of another owner than the first one */
#define CODES_PER_WORD 21U
#define CODES_BYTES    (CODES_PER_WORD * CODES_LEAST) /* bytes of blocks that a word is for */
_Static_assert(HEAP_USED <= CODES_FREE && CODES_PER_WORD * 3 <= HEAP_WORD, "codes, and HEAP_MIXED beside them");
_Static_assert(((HEAP_SLOTS - 1) << HEAP_LG_SLOT) - CODES_LEAST < (HEAP_SLOTS * 4 - 2) * CODES_BYTES, "words 0 and 1");
_Static_assert(HEAP_SLOTS <= 2 * CODES_PER_WORD && CODES_END == sizeof(((codes_t *)0)->end), "words 2 and 3");

/* Does the block lie at the end of a line? */
static inline bool
codes_is_end(uintptr_t address) {
    return (address >> HEAP_LG_SLOT & (HEAP_SLOTS - 1)) == 0;
}

/* The word that a code is in, and at which bit. */
typedef struct {
    uint64_t *word;
    uint32_t shift;
} codes_place_t;

static inline codes_place_t
codes_place(uintptr_t address) {
    span_t *lines = (span_t *)heap_base((void *)address);
    uint32_t offset = (uint32_t)(address & ((1U << HEAP_LG_CHUNK) - 1));
    if (codes_is_end(address)) {
        uint32_t line = offset / sizeof(span_t);
        return (codes_place_t){&lines[0].codes.codes[2 + line / CODES_PER_WORD], line % CODES_PER_WORD * 3};
    }
    offset -= 1U << HEAP_LG_SLOT;
    uint32_t word = offset / CODES_BYTES, code = (offset - word * CODES_BYTES) / CODES_LEAST;
    return (codes_place_t){&lines[(word / 4 + 1) % HEAP_SLOTS].codes.codes[word % 4], code * 3};
}

static inline uint32_t
codes_get(uintptr_t address) {
    codes_place_t place = codes_place(address);
    return *place.word >> place.shift & 7;
}

static inline void
codes_set(uintptr_t address, uint32_t code) {
    codes_place_t place = codes_place(address);
    *place.word = (*place.word & ~((uint64_t)7 << place.shift)) | (uint64_t)code << place.shift;
}

/* Bytes that a block takes. */
static inline uint32_t
codes_rounded(uint32_t number, size_t size) {
    uint32_t bytes = ((uint32_t)size + (number != 0 ? (uint32_t)sizeof(uint16_t) : 0) + 7) & ~7U;
    return bytes < CODES_LEAST ? CODES_LEAST : bytes;
}

/* Writes down whose block it is. */
static inline void
codes_set_kind(void *block, const owner_t *owner, uint32_t type, size_t size) {
    uint16_t other = (uint16_t)(owner->number * HEAP_TYPES + type);
    codes_set((uintptr_t)block, owner->number == 0 ? type : CODES_OTHER);
    if (owner->number != 0) {
        memcpy((char *)block + size, &other, sizeof(other));
    }
}

/* Likely the first owner's. */
static inline kind_t
codes_kind(const heap_t *heap, const void *block, size_t size) {
    uint32_t code = codes_get((uintptr_t)block);
    uint16_t other;
    if (__builtin_expect(code != CODES_OTHER, 1)) {
        return (kind_t){heap->owners[0], code};
    }
    memcpy(&other, (const char *)block + size, sizeof(other));
    return (kind_t){heap->owners[other / HEAP_TYPES], other % HEAP_TYPES};
}

#endif

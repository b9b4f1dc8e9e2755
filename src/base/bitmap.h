/* bitmap.h -- a set of small integers with "first member at or after". No synchronisation of its own. */
#ifndef LUNALLOC_BASE_BITMAP_H
#define LUNALLOC_BASE_BITMAP_H

#include "base/bits.h"

#define BITMAP_WORDS(nbits) (((nbits) + 63) / 64)

static inline void
bitmap_add(uint64_t *words, unsigned bit) {
    words[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void
bitmap_del(uint64_t *words, unsigned bit) {
    words[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

static inline bool
bitmap_has(const uint64_t *words, unsigned bit) {
    return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

/* Smallest member >= from, or nbits if there is none. */
static inline unsigned
bitmap_next(const uint64_t *words, unsigned nbits, unsigned from) {
    if (from >= nbits) {
        return nbits;
    }
    unsigned nwords = BITMAP_WORDS(nbits);
    unsigned w = from / 64;
    uint64_t word = words[w] & (~UINT64_C(0) << (from % 64));
    while (word == 0) {
        if (++w == nwords) {
            return nbits;
        }
        word = words[w];
    }
    return w * 64 + trailing_zeros(word);
}

#endif

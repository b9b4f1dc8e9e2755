/*
 * bits.h -- arithmetic on the bits of integers: powers of two and alignment; sets of small integers (bitmaps); division
 * by a divisor known at boot, without a division instruction. Pure functions; a bitmap is synchronised by its owner.
 */
#ifndef LUNALLOC_BASE_BITS_H
#define LUNALLOC_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- powers of two: the caller makes sure that an argument is nonzero, or a power of two, where it must be ---- */

/* x > 0. */
static inline unsigned
lg_floor(uint64_t x) {
    return 63U - (unsigned)__builtin_clzll(x);
}

/* 0 for x = 0. */
static inline unsigned
lg_ceil(uint64_t x) {
    return x <= 1 ? 0 : lg_floor(x - 1) + 1;
}

static inline bool
is_pow2(uint64_t x) {
    return x != 0 && (x & (x - 1)) == 0;
}

/* Rounds x up to a multiple of a power of two; wraps to 0 past the end. */
static inline uintptr_t
align_up(uintptr_t x, uintptr_t pow2) {
    return (x + (pow2 - 1)) & ~(pow2 - 1);
}

static inline uintptr_t
align_down(uintptr_t x, uintptr_t pow2) {
    return x & ~(pow2 - 1);
}

/* x > 0. */
static inline unsigned
trailing_zeros(uint64_t x) {
    return (unsigned)__builtin_ctzll(x);
}

/* ---- bitmaps: a set of the integers 0 .. nbits - 1, in BITMAP_WORDS(nbits) words ---- */

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

/*
 * ---- division: n / d as one multiplication, for n < DIV_MAX_N and 2 <= d <= DIV_MAX_D ----
 *
 * magic = ceil(2^64 / d). With e = magic * d - 2^64 (0 <= e < d), floor(n * magic / 2^64) = floor(n / d) exactly while
 * n * e < 2^64; n < 2^21 and 2 <= d <= 2^19 satisfy it. This holds for every n, not only for multiples of d. Whether d
 * divides n is told by the low half of the product: n * magic mod 2^64 = (n % d) * magic + (n / d) * e, and the last
 * term is below magic.
 * Source: T. Granlund, P. Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
 */
#define DIV_MAX_N (UINT64_C(1) << 21)
#define DIV_MAX_D (UINT64_C(1) << 19)

static inline uint64_t
div_magic(uint64_t d) {
    return UINT64_MAX / d + 1;
}

static inline uint32_t
div_by(uint64_t n, uint64_t magic) {
    return (uint32_t)((unsigned __int128)n * magic >> 64);
}

/* Returns whether d divides n; stores the quotient, rounded down, in either case. */
static inline bool
div_exactly(uint64_t n, uint64_t magic, uint32_t *quotient) {
    unsigned __int128 product = (unsigned __int128)n * magic;
    *quotient = (uint32_t)(product >> 64);
    return (uint64_t)product < magic;
}

#endif

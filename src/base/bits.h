/* bits.h -- powers of two. Where an argument must be nonzero or a power of two, that is the caller's duty. */
#ifndef LUNALLOC_BASE_BITS_H
#define LUNALLOC_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline unsigned
lg_floor(uint64_t x) {
    return 63U - (unsigned)__builtin_clzll(x);
}

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

static inline unsigned
trailing_zeros(uint64_t x) {
    return (unsigned)__builtin_ctzll(x);
}

#endif

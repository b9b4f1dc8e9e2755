/*
 * div.h -- n / d without a division instruction, for a divisor known at boot.
 *
 * magic = ceil(2^64 / d). With e = magic * d - 2^64 (0 <= e < d), floor(n * magic / 2^64) = floor(n / d) exactly while
 * n * e < 2^64; n < 2^21 and 2 <= d <= 2^19 satisfy it. It holds for every n, not only for multiples of d; and those
 * are told by the rest: n * magic mod 2^64 = (n % d) * magic + (n / d) * e, where the last term is below magic.
 * Source: T. Granlund, P. Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
 */
#ifndef LUNALLOC_BASE_DIV_H
#define LUNALLOC_BASE_DIV_H

#include <stdbool.h>
#include <stdint.h>

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

/* Whether d divides n; the quotient, rounded down, in any case. */
static inline bool
div_exactly(uint64_t n, uint64_t magic, uint32_t *quotient) {
    unsigned __int128 product = (unsigned __int128)n * magic;
    *quotient = (uint32_t)(product >> 64);
    return (uint64_t)product < magic;
}

#endif

/*
 * div.h -- n / d without a division instruction, for a divisor known at boot.
 *
 * magic = ceil(2^40 / d). With e = magic * d - 2^40 (0 <= e < d), floor(n * magic / 2^40) = floor(n / d) exactly while
 * n * e < 2^40; n < 2^21 and d <= 2^19 satisfy it, and then n * magic < 2^62. It holds for every n,
 * not only for multiples of d.
 * Source: T. Granlund, P. Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
 */
#ifndef LUNALLOC_BASE_DIV_H
#define LUNALLOC_BASE_DIV_H

#include <stdint.h>

#define DIV_MAX_N (UINT64_C(1) << 21)
#define DIV_MAX_D (UINT64_C(1) << 19)

static inline uint64_t
div_magic(uint64_t d) {
    return ((UINT64_C(1) << 40) + d - 1) / d;
}

static inline uint32_t
div_by(uint64_t n, uint64_t magic) {
    return (uint32_t)(n * magic >> 40);
}

#endif

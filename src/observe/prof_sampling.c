/*
 * prof_sampling.c -- the random numbers and the two functions of the mathematical library that sampling needs, so that
 * the allocator does not depend on that library. Numbers are made by counting and mixing (splitmix64: G. Steele,
 * D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): one atomic addition each.
 */
#include "observe/prof_sampling.h"

#include "base/atomic.h"

#include <string.h>

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)
#define LN_2   0.69314718055994530942

static _Atomic uint64_t counter = GOLDEN;

void
prof_sampling_seed(uint64_t seed) {
    atomic_set(&counter, seed);
}

static uint64_t
random_bits(void) {
    uint64_t z = atomic_add(&counter, GOLDEN);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* -ln(x), 0 < x <= 1, within 10^-7: x = m 2^e with 1 <= m < 2, and ln m = 2 artanh((m - 1) / (m + 1)). */
static double
minus_ln(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    double t = (m - 1) / (m + 1), s = t * t;
    double series = 1 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9 + s * (1.0 / 11 + s * (1.0 / 13))))));
    return -(exponent * LN_2 + 2 * t * series);
}

/* q(x) = 1 - exp(-x), x >= 0: by its series near 0, and from there by q(2x) = q(x) (2 - q(x)). */
static double
one_minus_exp(double x) {
    unsigned doublings = 0;
    for (; x > 0.125; doublings++) {
        x /= 2;
    }
    double q = x * (1 - x * 0.5 * (1 - x * (1.0 / 3) * (1 - x * 0.25 * (1 - x * 0.2 * (1 - x * (1.0 / 6))))));
    while (doublings-- > 0) {
        q *= 2 - q;
    }
    return q;
}

/* 2^lg. */
static double
mean_bytes(unsigned lg) {
    uint64_t bits = (uint64_t)(1023 + lg) << 52;
    double mean;
    memcpy(&mean, &bits, sizeof mean);
    return mean;
}

/* At lg 0 every allocation is a sample. -ln u >= 1 - u, so if that lower bound already exceeds `most`, the logarithm is
 * not needed. */
uint32_t
prof_sampling_distance(size_t size, uint32_t most, unsigned lg) {
    if (lg == 0) {
        return 1;
    }
    double uniform = (double)(int64_t)((random_bits() >> 11) + 1) * 0x1p-53;
    double allocations = mean_bytes(lg) / (double)(int64_t)size;
    double least = (1 - uniform) * allocations;
    double before = least < most ? minus_ln(uniform) * allocations : least;
    return before < most ? (uint32_t)before + 1 : 0;
}

double
prof_sampling_weight(size_t size, unsigned lg) {
    return lg == 0 ? 1 : 1 / one_minus_exp((double)size / mean_bytes(lg));
}

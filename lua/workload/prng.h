/*
 * prng.h -- the engine's random numbers: xoshiro256++, seeded by splitmix64.
 *
 * The same seed and stream give the same numbers on every machine. A number takes a few instructions, since workers
 * draw four for each operation. Not for secrets. A prng_t belongs to one thread.
 */
#ifndef WORKLOAD_PRNG_H
#define WORKLOAD_PRNG_H

#include <stdint.h>

typedef struct {
    uint64_t state[4];
} prng_t;

/* A bijection of 64 bits in which every input bit affects every output bit (splitmix64's finaliser). */
static inline uint64_t
prng_mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Begins a stream of the seed. Streams are independent of each other; each thread has its own. */
static inline void
prng_seed(prng_t *prng, uint64_t seed, uint64_t stream) {
    uint64_t x = prng_mix(seed) ^ prng_mix(~stream);
    for (int i = 0; i < 4; i++) {
        prng->state[i] = prng_mix(x + (uint64_t)i * 0x9e3779b97f4a7c15u);
    }
}

static inline uint64_t
prng_rotate(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t
prng_next(prng_t *prng) {
    uint64_t *s = prng->state;
    uint64_t result = prng_rotate(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = prng_rotate(s[3], 45);
    return result;
}

/* Scales a random number to 0 .. n - 1. */
static inline uint64_t
prng_below(uint64_t random, uint64_t n) {
    return (uint64_t)(((unsigned __int128)random * n) >> 64);
}

#endif

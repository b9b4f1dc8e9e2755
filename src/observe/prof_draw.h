/*
 * prof_draw.h -- which allocations are sampled: a Poisson process over bytes.
 *
 * With one sample in 2^lg bytes on average, an allocation of `size` bytes is sampled with p = 1 - exp(-size / 2^lg),
 * whatever came before; and n of them in a row are not with (1 - p)^n = exp(-n size / 2^lg). So the bytes up to the
 * next sample, which are exponential, tell how many allocations of a class are before it. A sample stands for 1 / p
 * allocations. At lg 0 all are sampled: p = 1. Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_PROF_DRAW_H
#define LUNALLOC_OBSERVE_PROF_DRAW_H

#include "base/config.h"

#define PROF_LG_MAX 63

/* The numbers that come are the same ones after each start from a seed. */
void prof_draw_seed(uint64_t seed);
/* How many allocations of a size from now on the next sample is, 1 .. most; 0: not within these. */
uint32_t prof_draw(size_t size, uint32_t most, unsigned lg);
/* 1 / p. */
double prof_weight(size_t size, unsigned lg);

#endif

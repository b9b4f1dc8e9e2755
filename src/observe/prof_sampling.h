/*
 * prof_sampling.h -- sampling distances: which allocations become samples, and what each sample stands for.
 *
 * A sampling distance is how many allocations of a class it is to the next sample. The sampler draws one for each class
 * of each thread, and weighs each sample with prof_sampling_weight, so that sums over samples estimate sums over all
 * allocations without bias.
 *
 * Samples are a Poisson process over allocated bytes. With one sample in 2^lg bytes on average, an allocation of `size`
 * bytes is a sample with probability p = 1 - exp(-size / 2^lg), whatever happened before. None of n such allocations is
 * one with probability (1 - p)^n = exp(-n size / 2^lg). The bytes to the next sample are therefore distributed
 * exponentially, and the distance is that number divided by the size. A sample stands for 1 / p allocations. At lg 0
 * every allocation is a sample: p = 1.
 *
 * Thread-safe: all threads draw from one sequence of random numbers.
 */
#ifndef LUNALLOC_OBSERVE_PROF_SAMPLING_H
#define LUNALLOC_OBSERVE_PROF_SAMPLING_H

#include "base/config.h"

/* The largest lg. */
#define PROF_LG_MAX 63

/* Starts the sequence of random numbers anew: the same seed gives the same distances. */
void prof_sampling_seed(uint64_t seed);
/* Draws a distance: the next sample is the n-th allocation of `size` bytes from now on, n = 1 .. most. 0: none of the
 * next `most` is one. */
uint32_t prof_sampling_distance(size_t size, uint32_t most, unsigned lg);
/* How many allocations of `size` bytes one sample stands for: 1 / p. */
double prof_sampling_weight(size_t size, unsigned lg);

#endif

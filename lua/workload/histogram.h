/*
 * histogram.h -- log-linear histogram of durations.
 *
 * Values below 2 * SUB have a bucket each; above that every power of two is cut into SUB equal buckets, so a bucket is
 * never wider than 1/SUB of its lower bound, and a percentile (the middle of its bucket) is off by at most
 * 1/(2 * SUB) of the value: 0.8%. Values from 2^HISTOGRAM_LG_MAX on are counted in the last bucket.
 *
 *   bucket:   0 .. 2*SUB-1      2*SUB .. 3*SUB-1        3*SUB .. 4*SUB-1      ...
 *   values:   itself            [2*SUB, 4*SUB) by 2     [4*SUB, 8*SUB) by 4   ...
 *
 * Written by one thread; read and merged after that thread has ended.
 */
#ifndef WORKLOAD_HISTOGRAM_H
#define WORKLOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_LG_SUB = 6,
    HISTOGRAM_SUB = 1 << HISTOGRAM_LG_SUB,
    HISTOGRAM_LG_MAX = 40, /* ns: 18 minutes */
    HISTOGRAM_BUCKETS = (HISTOGRAM_LG_MAX - HISTOGRAM_LG_SUB + 1) * HISTOGRAM_SUB
};

/* count = sum of bucket[]; max and total are exact. */
typedef struct {
    uint64_t count;
    uint64_t max;
    uint64_t total;
    uint64_t bucket[HISTOGRAM_BUCKETS];
} histogram_t;

static inline uint32_t
histogram_index(uint64_t value) {
    if (value < 2 * HISTOGRAM_SUB) {
        return (uint32_t)value;
    }
    uint32_t lg = 63 - (uint32_t)__builtin_clzll(value);
    if (lg >= HISTOGRAM_LG_MAX) {
        return HISTOGRAM_BUCKETS - 1;
    }
    uint32_t shift = lg - HISTOGRAM_LG_SUB;
    return shift * HISTOGRAM_SUB + (uint32_t)(value >> shift);
}

static inline void
histogram_add(histogram_t *histogram, uint64_t value) {
    histogram->count++;
    histogram->total += value;
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->bucket[histogram_index(value)]++;
}

void histogram_merge(histogram_t *into, const histogram_t *from);

/* The value that `share` (0 .. 1) of the values do not exceed; never more than max. 0 if the histogram is empty. */
uint64_t histogram_percentile(const histogram_t *histogram, double share);

#endif

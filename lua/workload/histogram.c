/*
 * histogram.c -- see histogram.h.
 */
#include "histogram.h"

#include <math.h>
#include <stddef.h>

/* The middle of a bucket. */
static uint64_t
bucket_value(uint32_t index) {
    if (index < 2 * HISTOGRAM_SUB) {
        return index;
    }
    uint32_t shift = index / HISTOGRAM_SUB - 1;
    uint64_t lowest = (uint64_t)(index - shift * HISTOGRAM_SUB) << shift;
    return lowest + ((uint64_t)1 << shift) / 2;
}

void
histogram_merge(histogram_t *into, const histogram_t *from) {
    into->count += from->count;
    into->total += from->total;
    into->max = from->max > into->max ? from->max : into->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->bucket[i] += from->bucket[i];
    }
}

uint64_t
histogram_percentile(const histogram_t *histogram, double share) {
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->bucket[i];
        if (seen >= rank && histogram->bucket[i] != 0) {
            uint64_t value = bucket_value(i);
            return value < histogram->max && i != HISTOGRAM_BUCKETS - 1 ? value : histogram->max;
        }
    }
    return histogram->max;
}

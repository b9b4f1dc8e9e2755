/*
 * measure.c -- the cost of the clock, and percentiles of histograms. See measure.h.
 */
#include "measure.h"

#include <math.h>
#include <stddef.h>

/* ---- the clock ---- */

enum {
    READINGS = 1001
};

/* Insertion sort: the readings are few, and qsort may allocate. */
static void
sort(uint32_t *values, size_t n) {
    for (size_t i = 1; i < n; i++) {
        uint32_t value = values[i];
        size_t j = i;
        for (; j > 0 && values[j - 1] > value; j--) {
            values[j] = values[j - 1];
        }
        values[j] = value;
    }
}

uint64_t
clock_cost(void) {
    uint32_t costs[READINGS];
    for (size_t i = 0; i < READINGS; i++) {
        uint64_t start = clock_ns();
        uint64_t cost = clock_ns() - start;
        costs[i] = cost > UINT32_MAX ? UINT32_MAX : (uint32_t)cost;
    }
    sort(costs, READINGS);
    return costs[READINGS / 2];
}

void
clock_sleep(uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

/* ---- histograms ---- */

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
    /* Walk to the bucket of that rank. Its middle may be beyond the largest value, and the last one has none. */
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

/* ---- durations near the clock's own cost ---- */

/* The duration that tells something, by itself, about one call. */
static uint64_t
least_certain(const durations_t *durations) {
    return 2 * durations->clock_cost;
}

/* What is said of durations below that: the one of a batch, if there are any. */
static double
uncertain(const durations_t *durations, double single, double batch, measured_t *how) {
    double most = (double)least_certain(durations), cost = (double)durations->clock_cost;
    if (durations->batch->count == 0) {
        *how = MEASURED_BELOW;
        return single > cost ? single : cost > 0 ? cost : 1;
    }
    *how = MEASURED_BATCHED;
    double one = batch / (double)durations->per_batch;
    return one < most ? one : most;
}

double
durations_percentile(const durations_t *durations, double share, measured_t *how) {
    uint64_t single = histogram_percentile(durations->single, share);
    if (single != 0 && single >= least_certain(durations)) {
        *how = MEASURED_SINGLY;
        return (double)single;
    }
    return uncertain(durations, (double)single, (double)histogram_percentile(durations->batch, share), how);
}

static double
mean(const histogram_t *histogram) {
    return histogram->count == 0 ? 0 : (double)histogram->total / (double)histogram->count;
}

double
durations_mean(const durations_t *durations, measured_t *how) {
    double single = mean(durations->single);
    if (single > 0 && single >= (double)least_certain(durations)) {
        *how = MEASURED_SINGLY;
        return single;
    }
    return uncertain(durations, single, mean(durations->batch), how);
}

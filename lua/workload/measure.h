/*
 * measure.h -- what a run measures with: a clock, counters, and histograms of durations.
 *
 * A worker counts its events in counters, which any thread may read while it runs, and puts the durations of timed
 * calls into histograms, which are read and merged after its thread has ended.
 *
 * A histogram is log-linear. Values below 2 * SUB have a bucket each; above that, every power of two is cut into SUB
 * equal buckets. So a bucket is never wider than 1/SUB of its lower bound, and a percentile (the middle of its bucket)
 * is off by at most 1/(2 * SUB) of the value: 0.8%. Values from 2^HISTOGRAM_LG_MAX on count in the last bucket.
 *
 *   bucket:   0 .. 2*SUB-1      2*SUB .. 3*SUB-1        3*SUB .. 4*SUB-1      ...
 *   values:   itself            [2*SUB, 4*SUB) by 2     [4*SUB, 8*SUB) by 4   ...
 */
#ifndef WORKLOAD_MEASURE_H
#define WORKLOAD_MEASURE_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* ---- the clock: monotonic, in nanoseconds ---- */

static inline uint64_t
clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The duration that an empty measurement (two readings, nothing between) shows, in ns: the median of many. Takes about
 * 50 us. */
uint64_t clock_cost(void);

/* Sleeps for about `ns`. */
void clock_sleep(uint64_t ns);

/* ---- counters: one thread writes, any thread reads, no locked instruction ---- */

typedef _Atomic uint64_t counter_t;

/* For the owner only. A negative step wraps around, so that sums over threads are right. */
static inline void
counter_add(counter_t *counter, uint64_t by) {
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- histograms ---- */

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

/* Adds the values of `from`. */
void histogram_merge(histogram_t *into, const histogram_t *from);

/* The value that `share` (0 .. 1) of the values do not exceed; never more than max. 0 if the histogram is empty. */
uint64_t histogram_percentile(const histogram_t *histogram, double share);

/* ---- durations near the clock's own cost ---- */

/* How a figure was got. */
typedef enum {
    MEASURED_SINGLY,  /* from calls that were timed one by one */
    MEASURED_BATCHED, /* from batches: single calls are too fast for the clock */
    MEASURED_BELOW    /* it is at most this, and there are no batches */
} measured_t;

/* Two histograms of the same calls: of single ones, and of batches of `per_batch` calls (ns for so many). */
typedef struct {
    const histogram_t *single, *batch;
    uint64_t per_batch;
    uint64_t clock_cost; /* ns, already subtracted from each duration */
} durations_t;

/*
 * The duration in ns that `share` of the calls do not exceed; never 0. A single duration below twice the clock's cost
 * is noise. Such a percentile is that of the batches' means; without batches, the clock's cost or more. *how: which it
 * is. A higher share never gives a lower duration.
 */
double durations_percentile(const durations_t *durations, double share, measured_t *how);

/* The mean, likewise. */
double durations_mean(const durations_t *durations, measured_t *how);

#endif

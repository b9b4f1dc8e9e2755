/*
 * clock.h -- the clock by which calls are timed: monotonic, in nanoseconds.
 */
#ifndef WORKLOAD_CLOCK_H
#define WORKLOAD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What an empty measurement (two readings, nothing between) shows, in ns: the median of many. Takes about 50 us. */
uint64_t clock_cost(void);

/* Sleeps for about `ns`. */
void clock_sleep(uint64_t ns);

#endif

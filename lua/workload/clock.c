/*
 * clock.c -- see clock.h.
 */
#include "clock.h"

#include <stddef.h>
#include <stdlib.h>

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

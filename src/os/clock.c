/* clock.c -- clock_gettime. */
#include "os/clock.h"

#include <time.h>

static uint64_t
read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t
clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t
clock_coarse_ns(void) {
#ifdef CLOCK_MONOTONIC_COARSE
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

uint64_t
clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

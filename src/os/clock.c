/* clock.c -- clock_gettime. */
#include "os/clock.h"

#include <time.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

static uint64_t
nanoseconds(struct timespec t) {
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint64_t
read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return nanoseconds(t);
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
clock_coarse_ns_once(void) {
#if defined(SYS_clock_gettime) && __SIZEOF_LONG__ == 8
    struct timespec t = {0};
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, &t);
    return nanoseconds(t);
#else
    return clock_coarse_ns();
#endif
}

uint64_t
clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

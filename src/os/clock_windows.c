/* clock_windows.c -- reads the clocks by mingw-w64's clock_gettime. */
#include "os/clock.h"

#include <time.h>

/* 0 where the system has no such clock. */
static uint64_t
read_clock(clockid_t id) {
    struct timespec t;
    return clock_gettime(id, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec : 0;
}

void
clock_boot(void) {
}

uint64_t
clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t
clock_coarse_ns(void) {
    return clock_ns();
}

uint64_t
clock_coarse_ns_once(void) {
    return clock_ns();
}

uint64_t
clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

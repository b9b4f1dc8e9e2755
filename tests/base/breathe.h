/* breathe.h -- pauses: of a given length, and between the rounds of a loop that reads a structure. */
#ifndef TESTS_BASE_BREATHE_H
#define TESTS_BASE_BREATHE_H

#include "os/clock.h"

#include <time.h>

static inline void
nap(unsigned ms) {
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

/* Sleeps twice as long as the time since `began` (clock_ns). A loop without such a pause would keep the structure's
 * locks from threads that sleep on them. */
static inline void
breathe(uint64_t began) {
    uint64_t ns = (clock_ns() - began) * 2;
    nanosleep(&(struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)}, NULL);
}

#endif

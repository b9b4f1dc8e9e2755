/* breathe.h -- a pause for who looks at a structure in a loop. */
#ifndef TESTS_BASE_BREATHE_H
#define TESTS_BASE_BREATHE_H

#include "os/clock.h"

#include <time.h>

/* Twice as long as the time since `began` (clock_ns): who came back at once would keep the structure's locks from those
 * who sleep on them. */
static inline void
breathe(uint64_t began) {
    uint64_t ns = (clock_ns() - began) * 2;
    nanosleep(&(struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)}, NULL);
}

#endif

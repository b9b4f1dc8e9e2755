/*
 * ticks.h -- the processor's counter of time, for stamps that must cost less than reading a clock. Use it only where
 * ticks_steady() says so, and compare it with clock_ns() (os/clock.h) to learn how long a tick is.
 */
#ifndef LUNALLOC_OS_TICKS_H
#define LUNALLOC_OS_TICKS_H

#include "base/config.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

/* Does the counter run at one rate, whatever the processor does? Whether all processors agree, only the system
 * knows. */
static inline bool
ticks_steady(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
#else
    return false;
#endif
}

/* The counter now. The processor may read it some instructions early. */
ALWAYS_INLINE uint64_t
ticks_now(void) {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
}

/* The counter, read after all loads before it. */
ALWAYS_INLINE uint64_t
ticks_after(void) {
#if defined(__x86_64__)
    _mm_lfence();
    return __rdtsc();
#else
    return 0;
#endif
}

#endif

/*
 * clock.h -- time in nanoseconds, for decay, waiting threads, reports and profiles. Monotonic, from an arbitrary start,
 * except clock_wall_ns. Thread-safe, allocates nothing, keeps errno.
 *
 * A clock that cannot be read, as in a sandbox, reads 0 for ever: never wait for a clock alone.
 */
#ifndef LUNALLOC_OS_CLOCK_H
#define LUNALLOC_OS_CLOCK_H

#include <stdint.h>

/* At boot. Until then each reading is a system call. */
void clock_boot(void);
/* Precise. */
uint64_t clock_ns(void);
/* Cheaper, and up to a few milliseconds late: for decay. */
uint64_t clock_coarse_ns(void);
/* The same by a system call, for a single reading: that touches fewer pages of a small program than the vDSO does. */
uint64_t clock_coarse_ns_once(void);
/* Since 1970, by the wall clock. */
uint64_t clock_wall_ns(void);

#endif

/* clock.h -- time in nanoseconds: monotonic, since an arbitrary start. Thread-safe, allocates nothing. */
#ifndef LUNALLOC_OS_CLOCK_H
#define LUNALLOC_OS_CLOCK_H

#include <stdint.h>

/* At boot. Before, each reading is a system call. */
void clock_boot(void);
/* Precise. 0 where the clock cannot be read, as in a sandbox: nothing may wait for a clock alone. */
uint64_t clock_ns(void);
/* Cheaper, and up to a few milliseconds late: for decay. */
uint64_t clock_coarse_ns(void);
/* The same, for once: by a system call where that touches less of a program than the C library's function. */
uint64_t clock_coarse_ns_once(void);
/* Since 1970, by the wall. */
uint64_t clock_wall_ns(void);

#endif

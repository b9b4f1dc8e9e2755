/*
 * guard.h -- stands between the allocator and os/pages_windows.c in every test program (the linker's --wrap) and ends
 * the process, with one line, at the first call that breaks the rule of pages.h: that reaches outside of one region,
 * gives back part of one, or is refused although it may not be.
 */
#ifndef TESTS_WINDOWS_GUARD_H
#define TESTS_WINDOWS_GUARD_H

#include "os/pages.h"

/* Calls that were let through and done, so far. Synchronization: atomic. */
typedef struct {
    _Atomic uint64_t commits, decommits, lazy_purges, unmaps;
} guard_counts_t;

extern guard_counts_t guard_counts;

/* Is every byte of [addr, addr + size) part of what one call to VirtualAlloc reserved? */
bool guard_within_region(const void *addr, size_t size);

#endif

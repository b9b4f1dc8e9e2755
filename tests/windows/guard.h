/*
 * guard.h -- checks the page contract on Windows. Every test program is linked so that calls of os/pages_windows.c pass
 * through the guard first (the linker's --wrap). The guard ends the process, with one line, at the first call that
 * breaks a rule of os/pages.h: a call that reaches beyond one region, releases part of a region, or is refused although
 * the contract does not allow that.
 */
#ifndef TESTS_WINDOWS_GUARD_H
#define TESTS_WINDOWS_GUARD_H

#include "os/pages.h"

/* Calls that the guard let through and that succeeded, so far. Synchronization: atomic. */
typedef struct {
    _Atomic uint64_t commits, decommits, lazy_purges, unmaps;
} guard_counts_t;

extern guard_counts_t guard_counts;

/* Whether one call of VirtualAlloc has reserved every byte of [addr, addr + size). */
bool guard_within_region(const void *addr, size_t size);

#endif

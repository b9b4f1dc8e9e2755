/*
 * memory.h -- the simulated system of a replay of pages: addresses without memory, and a clock that is set.
 *
 * memory.c implements src/os/pages.h and src/os/clock.h. Regions (pages_reserve) get addresses that nothing is mapped
 * at; a bit for each page says whether it would be resident. The allocator's own structures (pages_map) get memory.
 * One thread.
 */
#ifndef PAGES_MEMORY_H
#define PAGES_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts, and bytes where it is said. */
typedef struct {
    uint64_t resident;             /* bytes */
    uint64_t reserved;             /* bytes, of regions */
    uint64_t faults;               /* pages that became resident at a touch */
    uint64_t purges, purged_pages; /* calls that returned memory, and resident pages in them */
    uint64_t lazy, lazy_pages;     /* calls that let the system take memory, and resident pages in them */
    uint64_t moves, moved_pages;
    uint64_t maps, unmaps; /* of regions */
} memory_counts_t;

extern memory_counts_t memory_counts;

/* False if the system has no memory for the bits. */
bool memory_begin(void);

/* Sets the clock, ns. */
void memory_set_clock(uint64_t ns);

/* The program writes to these pages. */
void memory_touch(uintptr_t addr, size_t size);

#endif

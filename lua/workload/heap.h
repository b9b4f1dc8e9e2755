/*
 * heap.h -- the allocator that a workload or a replay measures: the process's malloc, or lunalloc beside it.
 */
#ifndef WORKLOAD_HEAP_H
#define WORKLOAD_HEAP_H

#include <stdbool.h>

#include "calls.h"

/* Fills `heap`; process: the process's malloc, else lunalloc's own functions. Counters and controls are those of the
 * allocator under test, or none. False if the heap must be lunalloc's, and lunalloc is not in this process. */
bool heap_choose(heap_t *heap, bool process);

#endif

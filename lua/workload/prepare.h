/*
 * prepare.h -- decides what operations do, before they are done. A worker's loop (operation.c) calls it between chunks;
 * what is decided is added to worker->chunk (chunk.h).
 *
 * Each operation draws the same number of random numbers, whatever its outcome. So the sequence of requests depends on
 * seed and plan alone, not on time or on what the allocator answers, nor on how operations are cut into chunks.
 */
#ifndef WORKLOAD_PREPARE_H
#define WORKLOAD_PREPARE_H

#include "worker.h"

/* Prepares one operation. */
void prepare_operation(worker_t *worker);

/* Prepares at least one operation and at most `most`, whose allocations come first, in a row; returns how many. */
uint64_t prepare_batch(worker_t *worker, uint64_t most);

#endif

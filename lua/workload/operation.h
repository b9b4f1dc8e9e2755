/*
 * operation.h -- the loop of a worker: operations, at their pace. A worker's thread calls it once (worker.c); what it
 * measures is in the worker's histograms and counters.
 *
 * Operations are prepared some at a time (prepare.h) and then executed (chunk.h), as many as the chunk's time allows;
 * in an open loop, one by one when each is due.
 *
 * An operation allocates and writes one block, lets older blocks age by one, and frees the blocks that other threads
 * handed over. `ops` and `rate` count operations.
 */
#ifndef WORKLOAD_OPERATION_H
#define WORKLOAD_OPERATION_H

#include "worker.h"

/* Performs operations until the worker's quota is done or it must stop. */
void operation_produce(worker_t *worker);

#endif

/*
 * operation.h -- one operation of a worker: the unit that a workload counts, and that `rate` and `ops` speak of.
 */
#ifndef WORKLOAD_OPERATION_H
#define WORKLOAD_OPERATION_H

#include "worker.h"

/* Allocates and writes one block, lets older blocks age by one operation, and frees what other threads handed over. */
void operation_run(worker_t *worker);

#endif

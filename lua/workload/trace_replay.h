/*
 * trace_replay.h -- the measured loop of a worker that replays a thread of a trace (trace.h), in the place of
 * operation.h.
 *
 * The worker makes the calls of its thread in their order, as fast as it can, or not before their times. Before it
 * frees or resizes a block of another thread it waits until that thread has allocated it. Blocks are written and
 * verified as in other workloads.
 */
#ifndef WORKLOAD_TRACE_REPLAY_H
#define WORKLOAD_TRACE_REPLAY_H

#include "worker.h"

/* The blocks of a run: zeroed memory is "not allocated yet". NULL without memory. */
trace_slot_t *trace_slots(const trace_t *trace, region_t *region);

/* Replays the worker's thread until its end, or until the run is stopped. */
void trace_replay(worker_t *worker);

/* Frees every block that is left, in the name of the worker. Call it after all workers have been joined. */
void trace_free_rest(worker_t *worker);

#endif

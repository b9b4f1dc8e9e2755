/*
 * sorter.h -- puts events of several threads into the order of time while they arrive: for sums that are made during a
 * recording.
 *
 * Each thread's events are added in its order. An event is handed out once it is older than what may still come: the
 * caller says how old that is. Memory is in proportion to what waits. The caller synchronises.
 */
#ifndef TRACE_SORTER_H
#define TRACE_SORTER_H

#include "array.h"
#include "observe/record_event.h"

typedef struct {
    trace_array_t queues; /* trace_queue_t, of each thread */
    trace_array_t heap;   /* trace_waiting_t: threads with events, the earliest first */
    size_t n;             /* of the heap */
    size_t waiting;       /* events */
} trace_sorter_t;

/* All zero is an empty sorter. */

/* False without memory: the event is lost. */
bool trace_sorter_add(trace_sorter_t *sorter, const record_event_t *event);
/* The earliest event, if its time is not above `until`. */
bool trace_sorter_next(trace_sorter_t *sorter, uint64_t until, record_event_t *event);
void trace_sorter_free(trace_sorter_t *sorter);

#endif

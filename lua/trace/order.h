/*
 * order.h -- the order of events of several threads: by time. What gives an address back is before everything else of
 * its time, so that a block is freed before its address is handed out again. Of equal ones, the thread with the lower
 * number is first.
 */
#ifndef TRACE_ORDER_H
#define TRACE_ORDER_H

#include <stdbool.h>

#include "observe/record_event.h"

static inline uint64_t
trace_event_key(const record_event_t *event) {
    bool frees = event->kind == RECORD_FREE || event->kind == RECORD_FREE_SIZED || event->kind == RECORD_MOVE;
    uint64_t time = event->time < UINT64_MAX / 2 ? event->time : UINT64_MAX / 2;
    return time << 1 | !frees;
}

#endif

/*
 * counter.h -- a count that one thread writes and any thread reads, without a locked instruction.
 */
#ifndef WORKLOAD_COUNTER_H
#define WORKLOAD_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter_t;

/* The owner only. Negative steps wrap around, so that sums over threads come out right. */
static inline void
counter_add(counter_t *counter, uint64_t by) {
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif

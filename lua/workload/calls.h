/*
 * calls.h -- the calls to the allocator under test: counted all, timed some.
 *
 * One call in `sample`, on average, is timed: reading the clock twice costs more than a fast malloc, so timing each
 * would make the throughput that of the clock. The gaps between timed calls are random (their own generator, so that
 * timing does not change the sequence of requests), lest the samples fall into step with the mix. The clock's own cost
 * is subtracted.
 */
#ifndef WORKLOAD_CALLS_H
#define WORKLOAD_CALLS_H

#include "clock.h"
#include "counter.h"
#include "heap.h"
#include "histogram.h"
#include "prng.h"

typedef enum {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_ALIGNED,
    CALL_REALLOC,
    CALL_FREE,
    CALL_KINDS
} call_t;

/* Names in results: "malloc", "calloc", "aligned_alloc", "realloc", "free". */
extern const char *const call_names[CALL_KINDS];

/* Owned by one thread; counts may be read by any. */
typedef struct {
    heap_t heap;
    uint64_t clock_cost; /* ns */
    uint32_t sample;
    uint32_t countdown; /* calls until one is timed */
    prng_t prng;
    counter_t count[CALL_KINDS];
    histogram_t latency[CALL_KINDS]; /* ns */
} calls_t;

void calls_init(calls_t *calls, const heap_t *heap, uint32_t sample, uint64_t clock_cost, uint64_t stream);

/* Slow paths of the two functions below. */
void calls_next_sample(calls_t *calls);
void calls_record(calls_t *calls, call_t kind, uint64_t start);

/* 0, or the time at which this call, which is to be timed, starts. */
static inline uint64_t
calls_begin(calls_t *calls, call_t kind) {
    counter_add(&calls->count[kind], 1);
    if (--calls->countdown != 0) {
        return 0;
    }
    calls_next_sample(calls);
    return clock_ns();
}

static inline void
calls_end(calls_t *calls, call_t kind, uint64_t start) {
    if (start != 0) {
        calls_record(calls, kind, start);
    }
}

static inline void *
calls_malloc(calls_t *calls, size_t size) {
    uint64_t start = calls_begin(calls, CALL_MALLOC);
    void *ptr = calls->heap.malloc(size);
    calls_end(calls, CALL_MALLOC, start);
    return ptr;
}

static inline void *
calls_calloc(calls_t *calls, size_t size) {
    uint64_t start = calls_begin(calls, CALL_CALLOC);
    void *ptr = calls->heap.calloc(1, size);
    calls_end(calls, CALL_CALLOC, start);
    return ptr;
}

static inline void *
calls_aligned(calls_t *calls, size_t align, size_t size) {
    uint64_t start = calls_begin(calls, CALL_ALIGNED);
    void *ptr = calls->heap.aligned_alloc(align, size);
    calls_end(calls, CALL_ALIGNED, start);
    return ptr;
}

static inline void *
calls_realloc(calls_t *calls, void *old, size_t size) {
    uint64_t start = calls_begin(calls, CALL_REALLOC);
    void *ptr = calls->heap.realloc(old, size);
    calls_end(calls, CALL_REALLOC, start);
    return ptr;
}

static inline void
calls_free(calls_t *calls, void *ptr) {
    uint64_t start = calls_begin(calls, CALL_FREE);
    calls->heap.free(ptr);
    calls_end(calls, CALL_FREE, start);
}

#endif

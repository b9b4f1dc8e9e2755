/*
 * calls.c -- see calls.h.
 */
#include "calls.h"

const char *const call_names[CALL_KINDS] = {
    [CALL_MALLOC] = "malloc",   [CALL_CALLOC] = "calloc", [CALL_ALIGNED] = "aligned_alloc",
    [CALL_REALLOC] = "realloc", [CALL_FREE] = "free",     [CALL_FREE_SIZED] = "free_sized",
};

/* Gaps are uniform over 1 .. 2 * mean - 1. */
static uint32_t
next_gap(prng_t *prng, uint64_t mean) {
    return 1 + (uint32_t)prng_below(prng_next(prng), 2 * mean - 1);
}

void
calls_next_sample(calls_t *calls) {
    calls->countdown = next_gap(&calls->prng, calls->sample);
}

/* The durations of the present segment. */
static latency_t *
latency_now(const calls_t *calls) {
    return &calls->latency[atomic_load_explicit(calls->segment, memory_order_relaxed)];
}

/* The time since `start` without the clock's own cost. */
static uint64_t
elapsed_since(const calls_t *calls, uint64_t start) {
    uint64_t elapsed = clock_ns() - start;
    return elapsed > calls->clock_cost ? elapsed - calls->clock_cost : 0;
}

void
calls_record(calls_t *calls, call_t kind, uint64_t start) {
    histogram_add(&latency_now(calls)->single[kind], elapsed_since(calls, start));
    calls->timings++;
}

void
calls_respond(calls_t *calls, uint64_t ns) {
    histogram_add(&latency_now(calls)->response, ns);
}

/* ---- batches ---- */

/* One operation in `sample` is in a batch. A run that times every call has none. */
void
calls_next_batch(calls_t *calls) {
    uint64_t mean = (uint64_t)calls->sample * CALLS_BATCH;
    calls->until_batch = calls->sample == 1 || mean > UINT32_MAX / 2 ? UINT32_MAX : next_gap(&calls->batch_prng, mean);
}

/* Elapsed time is never 0: the clock's cost is a median, and may be above a short batch. */
static void
record_batch(calls_t *calls, call_t kind, uint64_t start, size_t n) {
    uint64_t elapsed = elapsed_since(calls, start);
    calls->timings++;
    if (n >= CALLS_BATCH_MIN) {
        elapsed = elapsed == 0 ? 1 : elapsed;
        histogram_add(&latency_now(calls)->batch[kind], elapsed * CALLS_BATCH / n);
    }
}

void
calls_allocate_batch(calls_t *calls, call_t kind, const size_t *sizes, void **pointers, size_t n) {
    counter_add(&calls->count[kind], n);
    uint64_t start = clock_ns();
    if (kind == CALL_CALLOC) {
        for (size_t i = 0; i < n; i++) {
            pointers[i] = calls->heap.calloc(1, sizes[i]);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            pointers[i] = calls->heap.malloc(sizes[i]);
        }
    }
    record_batch(calls, kind, start, n);
}

void
calls_defer_frees(calls_t *calls) {
    calls->deferring = true;
}

void
calls_defer(calls_t *calls, void *ptr) {
    calls->deferred[calls->ndeferred++] = ptr;
    if (calls->ndeferred == CALLS_BATCH) {
        calls_free_batch(calls);
    }
}

void
calls_free_batch(calls_t *calls) {
    size_t n = calls->ndeferred;
    calls->deferring = false;
    calls->ndeferred = 0;
    counter_add(&calls->count[CALL_FREE], n);
    uint64_t start = clock_ns();
    for (size_t i = 0; i < n; i++) {
        calls->heap.free(calls->deferred[i]);
    }
    record_batch(calls, CALL_FREE, start, n);
}

/* ---- reading ---- */

void
latency_merge(latency_t *into, const latency_t *from) {
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        histogram_merge(&into->single[kind], &from->single[kind]);
        histogram_merge(&into->batch[kind], &from->batch[kind]);
    }
    histogram_merge(&into->response, &from->response);
}

/* ---- creation ---- */

void
calls_init(calls_t *calls, const heap_t *heap, uint32_t sample, uint64_t clock_cost, uint64_t stream) {
    calls->heap = *heap;
    calls->sample = sample;
    calls->clock_cost = clock_cost;
    prng_seed(&calls->prng, ~(uint64_t)0, stream);
    prng_seed(&calls->batch_prng, ~(uint64_t)1, stream);
    calls_next_sample(calls);
    calls_next_batch(calls);
}

void
calls_measure_into(calls_t *calls, latency_t *latency, const _Atomic uint32_t *segment) {
    calls->latency = latency;
    calls->segment = segment;
}

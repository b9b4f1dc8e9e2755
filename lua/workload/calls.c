/*
 * calls.c -- see calls.h.
 */
#include "calls.h"

const char *const call_names[CALL_KINDS] = {
    [CALL_MALLOC] = "malloc",   [CALL_CALLOC] = "calloc", [CALL_ALIGNED] = "aligned_alloc",
    [CALL_REALLOC] = "realloc", [CALL_FREE] = "free",     [CALL_FREE_SIZED] = "free_sized",
};

/* Gaps are uniform over 1 .. 2 * sample - 1: their mean is `sample`. */
void
calls_next_sample(calls_t *calls) {
    calls->countdown = 1 + (uint32_t)prng_below(prng_next(&calls->prng), 2 * (uint64_t)calls->sample - 1);
}

void
calls_record(calls_t *calls, call_t kind, uint64_t start) {
    uint64_t elapsed = clock_ns() - start;
    histogram_add(&calls->latency[kind], elapsed > calls->clock_cost ? elapsed - calls->clock_cost : 0);
}

void
calls_init(calls_t *calls, const heap_t *heap, uint32_t sample, uint64_t clock_cost, uint64_t stream) {
    calls->heap = *heap;
    calls->sample = sample;
    calls->clock_cost = clock_cost;
    prng_seed(&calls->prng, ~(uint64_t)0, stream);
    calls_next_sample(calls);
}

/*
 * calls.h -- the allocator under test, and calls to it: all are counted, some are timed.
 *
 * Workers allocate and free through calls_malloc() and the functions beside it. The allocator is a table of entry
 * points that the caller chooses: lunalloc's own, the process's malloc, or (in tests) one that misbehaves on purpose.
 *
 * One call in `sample`, on average, is timed. Reading the clock twice costs more than a fast malloc, so a run that
 * timed each call would measure the clock. The gaps between timed calls are random, so that the samples do not fall
 * into step with the mix; they have their own generator, so that timing does not change the sequence of requests. The
 * clock's own cost is subtracted.
 *
 * A single call of a fast path is below what the clock can tell. So batches are timed, too: up to CALLS_BATCH calls of
 * one kind, one right after the other, between two readings. The worker draws the requests of as many operations before
 * it allocates for them, and the frees that fall due meanwhile are deferred until then (prepare.c). No call is made
 * only to be timed.
 */
#ifndef WORKLOAD_CALLS_H
#define WORKLOAD_CALLS_H

#include "lunalloc.h"
#include "measure.h"
#include "prng.h"
#include "sized_free.h"

typedef struct {
    const char *name;    /* shown in results; static, as the two below */
    const char *version; /* NULL if it is unknown */
    const char *beside;  /* "glibc 2.36", the process's malloc, if this is another heap; else NULL */
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    const sized_free_t *sized; /* or NULL: blocks are freed without their size */
    /* lunalloc's counters and controls, for the timeline and the phases; NULL if another allocator is measured. */
    int (*stats)(uint32_t arena, lunalloc_stats_t *out);
    int (*set)(const char *name, const lunalloc_value_t *value, char *message, size_t message_size);
} heap_t;

typedef enum {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_ALIGNED,
    CALL_REALLOC,
    CALL_FREE,
    CALL_FREE_SIZED,
    CALL_KINDS
} call_t;

/* Names in results: "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized". */
extern const char *const call_names[CALL_KINDS];

enum {
    CALLS_BATCH = 16,    /* calls in a batch, at most */
    CALLS_BATCH_MIN = 8, /* shorter ones are not recorded */
};

/* Durations, of which the owner of the calls adds those of a segment of the run (plan.h). Zeroed memory is empty. */
typedef struct {
    histogram_t single[CALL_KINDS]; /* of timed calls, ns */
    histogram_t batch[CALL_KINDS];  /* of batches, ns for CALLS_BATCH calls */
    histogram_t response;           /* of operations in an open loop, from the time at which they were due, ns */
} latency_t;

/* The calls of one thread. It alone writes them; any thread may read the counts. */
typedef struct {
    heap_t heap;
    uint64_t clock_cost; /* ns */
    uint32_t sample;
    uint32_t countdown; /* calls until one is timed */
    prng_t prng;        /* of the gaps between timed calls */
    prng_t batch_prng;  /* of those between batches. They move frees, so only the sequence of operations may set them */
    uint64_t timings;   /* of calls and of batches, so far: two readings of the clock each */
    counter_t count[CALL_KINDS];
    uint32_t until_batch; /* operations until the next batch; UINT32_MAX: never */
    uint32_t ndeferred;
    bool deferring; /* frees are collected in deferred[] */
    void *deferred[CALLS_BATCH];
    latency_t *latency;              /* an array, one for each segment of the run */
    const _Atomic uint32_t *segment; /* the present one; another thread advances it */
} calls_t;

/* Makes n calls, at most CALLS_BATCH, of malloc or calloc for the sizes. pointers[]: the blocks, or NULL. */
void calls_allocate_batch(calls_t *calls, call_t kind, const size_t *sizes, void **pointers, size_t n);

/* Frees are deferred from now on, and until CALLS_BATCH of them have collected, or until calls_free_batch(). */
void calls_defer_frees(calls_t *calls);
void calls_free_batch(calls_t *calls);

/* Adds the durations of `from`. */
void latency_merge(latency_t *into, const latency_t *from);

/* Records that an operation was complete `ns` after it was due. */
void calls_respond(calls_t *calls, uint64_t ns);

/* True if a batch is due now; calls_next_batch() then sets the time of the next. Call it once for each operation. */
static inline bool
calls_batch_due(calls_t *calls) {
    return --calls->until_batch == 0;
}

void calls_next_batch(calls_t *calls);

/* `stream` chooses the sequence of gaps between timed calls. */
void calls_init(calls_t *calls, const heap_t *heap, uint32_t sample, uint64_t clock_cost, uint64_t stream);
/* Before the first call: `latency` has zeroed memory for each value that *segment may have. */
void calls_measure_into(calls_t *calls, latency_t *latency, const _Atomic uint32_t *segment);

/* Slow paths of the functions below. */
void calls_next_sample(calls_t *calls);
void calls_record(calls_t *calls, call_t kind, uint64_t start);
void calls_defer(calls_t *calls, void *ptr);

/* True if the next call is to be timed. Ask once for each call. */
static inline bool
calls_time_due(calls_t *calls) {
    if (--calls->countdown != 0) {
        return false;
    }
    calls_next_sample(calls);
    return true;
}

/* The time at which this call starts, if it is to be timed; else 0. */
static inline uint64_t
calls_begin(calls_t *calls, call_t kind) {
    counter_add(&calls->count[kind], 1);
    return calls_time_due(calls) ? clock_ns() : 0;
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
    if (calls->deferring) {
        calls_defer(calls, ptr);
        return;
    }
    uint64_t start = calls_begin(calls, CALL_FREE);
    calls->heap.free(ptr);
    calls_end(calls, CALL_FREE, start);
}

/* Only if the heap has the form. align: as in aligned_alloc, or 0. */
static inline void
calls_free_sized(calls_t *calls, void *ptr, size_t align, size_t size) {
    uint64_t start = calls_begin(calls, CALL_FREE_SIZED);
    calls->heap.sized->free(ptr, align, size);
    calls_end(calls, CALL_FREE_SIZED, start);
}

#endif

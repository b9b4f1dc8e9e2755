/*
 * worker.h -- one thread of a workload: the loop that is measured.
 *
 * The engine creates a worker for each thread of the plan and starts worker_main(). The worker waits for the start. It
 * performs operations until its quota is done or it must stop. Then it frees the blocks that other workers hand over,
 * until all of them have ended their operations (`release`). Last, it frees every block that it still holds.
 *
 * Only the worker writes its fields, but for `inbox`, into which other workers push. Other threads may read the
 * counters at any time, and the other fields after they have joined the worker. Nothing here allocates from a heap
 * other than the one under test, or uses stdio.
 */
#ifndef WORKLOAD_WORKER_H
#define WORKLOAD_WORKER_H

#include "calls.h"
#include "pattern.h"
#include "plan.h"
#include "ring.h"
#include "wheel.h"

typedef struct worker worker_t;
typedef struct chunk chunk_t; /* chunk.h */

/* Shared by all workers of a run. Fields that are not atomic do not change after the threads are created. */
typedef struct {
    const plan_t *plan;
    worker_t **workers;          /* plan->threads of them */
    _Atomic bool go;             /* the start */
    _Atomic bool stop;           /* no further operation */
    _Atomic bool release;        /* free everything and end; only after producing == 0 */
    _Atomic bool full;           /* plan->live_max is exceeded */
    _Atomic double scale;        /* plan_phase_t.scale */
    _Atomic double rate;         /* plan_phase_t.rate */
    _Atomic uint32_t segment;    /* of the run (plan.h), by which durations are kept apart */
    _Atomic uint32_t producing;  /* workers that may still push into an inbox */
    void (*idle)(void *context); /* called once, by the worker that brings producing to 0 */
    void *context;
} shared_t;

typedef enum {
    FAULT_NONE,
    FAULT_CONTENTS,
    FAULT_REALLOC,
    FAULT_NOT_ZERO,
    FAULT_ALIGNMENT
} fault_kind_t;

/* The first fault that verification found. */
typedef struct {
    fault_kind_t kind;
    uint32_t row, thread; /* of the block; thread: the one that allocated it */
    const void *ptr;
    size_t size;
    size_t offset; /* of the first bad byte; FAULT_ALIGNMENT: the alignment that is required */
    uint8_t expected, found;
} fault_t;

/* A row as one thread sees it. */
typedef struct {
    const plan_row_t *row;
    uint64_t upto;   /* chosen if a random 32-bit number is below this and not below the row's before */
    wheel_t *wheel;  /* the clock of its blocks; NULL: they live forever */
    bool own_wheel;  /* the wheel counts this row's allocations, not the thread's */
    block_t **batch; /* ended blocks that wait for their burst: row->batch of them; or NULL */
    uint32_t nbatch;
    bool plain;   /* its blocks end by a free and nothing else, unless another thread frees them */
    bool written; /* its blocks are written, or checked */
} worker_row_t;

struct worker {
    shared_t *shared;
    const plan_t *plan;
    uint32_t index;
    uint64_t quota; /* operations to make */
    prng_t prng;    /* of the sequence of requests */
    worker_row_t *rows;
    uint32_t nrows;
    wheel_t *wheel;       /* blocks that age with the thread's operations */
    block_t *forever;     /* blocks that do not age */
    block_t *spare;       /* descriptions to reuse */
    region_t region;      /* of descriptions, wheels and the chunk */
    chunk_t *chunk;       /* of actions; NULL: the worker makes no operation */
    void *replay;         /* replayer.h: the state of plan->replayer; or NULL */
    uint64_t noperations; /* that were prepared */
    bool batching;        /* a batch is being prepared */
    bool receives;        /* other threads may hand blocks over */
    calls_t calls;
    double due;     /* open loop: when the present operation was due, ns; 0: not in an open loop */
    double pace;    /* open loop: the rate by which `due` was computed */
    uint64_t ended; /* clock at the end of its operations */
    uint64_t hash;  /* over the sizes requested */
    fault_t fault;
    char problem[256]; /* one line: why the trace was not replayed to its end; or "" */
    uint64_t max_lag;  /* open loop: the longest delay of an operation, ns */
    counter_t ops;
    /* ns. In an open loop all of it is `executed`: the wait for the next operation is longer than its preparation. */
    counter_t prepared;    /* preparation of operations, and counting (chunk.h) */
    counter_t clocked;     /* readings of the clock during their execution, by what a reading costs */
    counter_t executed;    /* the rest of their execution */
    counter_t live_bytes;  /* as requested. The thread that frees subtracts: only the sum over threads has a meaning */
    counter_t live_blocks; /* likewise */
    counter_t failures;    /* NULL returned */
    counter_t capped;      /* blocks freed at once because of live_max */
    counter_t handed;      /* blocks handed over to another thread */
    counter_t checked, errors; /* verification */
    _Alignas(64) ring_t inbox; /* blocks to free for others */
};

/* A new worker, in memory of its own; NULL if the system refuses. */
worker_t *worker_create(shared_t *shared, uint32_t index, const heap_t *heap, uint64_t clock_cost);

/* The thread's function; arg is the worker. */
void *worker_main(void *arg);

/* Frees its memory, but for the counters, histograms and the fault. Call it after the thread was joined. */
void worker_shrink(worker_t *worker);

/* Frees the worker. Call it after the thread was joined, or if it never started. */
void worker_destroy(worker_t *worker);

#endif

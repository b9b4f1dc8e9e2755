/*
 * chunk.h -- what a worker does next: a compact array of actions, which is executed as a whole.
 *
 * The engine's own work (random draws, lifetimes, which block is due) costs more than a fast malloc. So it is not done
 * between the calls that are measured. prepare.c decides what some operations do and adds their actions here;
 * chunk_run() then executes the actions one after the other, and counts them after that. The two times are kept apart:
 * worker->prepared and worker->executed. What the readings of the clock take of the latter, by which some calls are
 * timed (calls.h), is worker->clocked.
 *
 * Preparation does not know which allocations will fail. A block whose allocation failed has ptr NULL, and every action
 * on it is passed over.
 *
 * A chunk is short, so that changes of the workload, a stop, and the counters are late by CHUNK_NS or so. How the
 * operations are cut into chunks does not change what is requested.
 */
#ifndef WORKLOAD_CHUNK_H
#define WORKLOAD_CHUNK_H

#include "worker.h"

typedef enum {
    ACTION_MALLOC, /* of `value` bytes; the next two likewise. This order is also that of call_t */
    ACTION_CALLOC,
    ACTION_ALIGNED,
    ACTION_FREE,      /* by this thread, nothing else; and its description is free */
    ACTION_BATCH,     /* the next `value` actions are allocations of one kind: they are made in a row, and timed */
    ACTION_BATCHED,   /* one of them */
    ACTION_DEFER,     /* value 1: frees collect from now on (calls.h), 0: they are made */
    ACTION_WRITE,     /* value 1: the new block comes from calloc */
    ACTION_RESIZE,    /* for the `value`-th time from the last */
    ACTION_END,       /* of a life, any way (block_end) */
    ACTION_CAP,       /* the same at once, because of plan->live_max */
    ACTION_KEEP,      /* the block lives forever */
    ACTION_SERVE,     /* blocks that others handed over are freed */
    ACTION_TIMED = 16 /* added to one of the first four: the call is timed */
} action_kind_t;

enum {
    CHUNK_ACTIONS = 1024,   /* room; a chunk that has no more is executed at once */
    CHUNK_OPERATIONS = 256, /* at most */
    CHUNK_BYTES = 1 << 20,  /* a chunk that asks for so many has no further operation */
    CHUNK_NS = 100000       /* a chunk whose execution takes longer is followed by a shorter one */
};

typedef struct {
    block_t *block;
    uint64_t what; /* value << 8 | action_kind_t */
} action_t;

struct chunk {
    uint32_t n;          /* actions */
    uint32_t operations; /* that the next chunk has at most */
    uint32_t done;       /* operations whose actions are all here */
    size_t bytes;        /* requested */
    uint64_t start;      /* clock at the begin of the preparation; 0: it is not accounted */
    action_t actions[CHUNK_ACTIONS];
};

/* Preparation begins, or goes on after chunk_run(), while nothing else waits for it: its time is accounted. */
void chunk_begin(worker_t *worker);

/* Executes and counts the actions; the chunk is empty then. */
void chunk_run(worker_t *worker);

/* From now on it is not accounted. In an open loop, it is a part of the wait for the operation, or of its response. */
void chunk_pause(worker_t *worker);

/* Makes sure that n actions have room in a row. */
static inline void
chunk_reserve(worker_t *worker, uint32_t n) {
    if (worker->chunk->n + n > CHUNK_ACTIONS) {
        chunk_run(worker);
    }
}

/* kind: with ACTION_TIMED or without. */
static inline void
chunk_add(worker_t *worker, uint32_t kind, block_t *block, uint64_t value) {
    chunk_reserve(worker, 1);
    chunk_t *chunk = worker->chunk;
    chunk->actions[chunk->n++] = (action_t){.block = block, .what = value << 8 | kind};
}

/* Adds a call, which is timed if its turn has come. */
static inline void
chunk_add_call(worker_t *worker, action_kind_t kind, block_t *block, uint64_t value) {
    uint32_t timed = calls_time_due(&worker->calls) ? ACTION_TIMED : 0;
    chunk_add(worker, kind + timed, block, value);
}

#endif

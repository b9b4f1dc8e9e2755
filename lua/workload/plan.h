/*
 * plan.h -- a workload's description, compiled: what the threads read while they run.
 *
 * Vocabulary. One *operation* is one allocation with all that follows from it: its contents are written, it may be
 * resized, and at the end of its *lifetime*, a number of later operations of the same thread, it is freed by the same
 * or by another thread. A *row* is one kind of block of the mix; weights say how often each is allocated. A *phase*
 * changes settings at a time. The same description and seed give the same plan, and so the same sequence of requests
 * per thread.
 *
 * A plan is filled by plan_row(), plan_phase() and its scalar fields, then closed by plan_finish(); after that it does
 * not change and may be shared by threads.
 */
#ifndef WORKLOAD_PLAN_H
#define WORKLOAD_PLAN_H

#include "dist.h"

enum {
    PLAN_MAX_THREADS = 512,
    PLAN_MAX_ROWS = 64,
    PLAN_MAX_PHASES = 1000,
    PLAN_MAX_RESIZES = 1000
};

/* A share of 0 .. 1 as a bound for a 32-bit random number: the event happens if random < share. */
typedef uint64_t plan_share_t;

plan_share_t plan_share(double share);

/* "Any thread but the block's own", as row.freer. */
#define PLAN_ANY_OTHER UINT32_MAX

typedef struct {
    double weight;
    dist_t size;                        /* bytes */
    dist_t lifetime;                    /* operations of the thread; DIST_FIFO: allocations of this row by the thread */
    plan_share_t other;                 /* blocks that another thread frees */
    uint32_t freer;                     /* index of that thread, or PLAN_ANY_OTHER */
    double touch;                       /* part of the block that is written, 0 .. 1 */
    uint32_t writes;                    /* how many times it is written */
    plan_share_t resized;               /* blocks that are resized during their life */
    uint32_t resizes;                   /* how many times each of those */
    double grow;                        /* factor of each; 0: a new size is drawn */
    plan_share_t zeroed;                /* blocks that come from calloc */
    size_t align;                       /* from aligned_alloc with this alignment; 0: malloc */
    uint64_t on[PLAN_MAX_THREADS / 64]; /* bit i: thread i allocates from this row */
} plan_row_t;

typedef struct {
    const char *name, *value;
} plan_setting_t;

/* A change: of the running workload, of the allocator, or none (only a mark on the timeline). */
typedef struct {
    uint64_t at;                    /* ns from the start */
    double scale;                   /* factor of lifetimes of blocks allocated from now on; < 0: unchanged */
    double rate;                    /* operations per second of all threads, 0: as fast as they can; < 0: unchanged */
    const plan_setting_t *settings; /* controls, written in this order */
    size_t nsettings;
    const char *mark; /* or NULL */
} plan_phase_t;

typedef struct {
    region_t region; /* of everything that the plan points to */
    uint32_t threads;
    uint64_t seed;
    uint64_t duration; /* ns; 0: no end by time */
    uint64_t ops;      /* of all threads; 0: no end by count */
    double rate;       /* as in plan_phase_t */
    bool verify;
    uint32_t sample;   /* one call in this many is timed, on average */
    uint64_t live_max; /* bytes: above it, new blocks are freed at once */
    uint64_t interval; /* ns between entries of the timeline */
    plan_row_t *rows;
    size_t nrows;
    plan_phase_t *phases; /* by time */
    size_t nphases;
    /* Derived by plan_finish(): */
    uint32_t producers; /* threads that have a row */
    double expected;    /* bytes that live at once in the steady state; infinite with "forever" */
    uint64_t hash;      /* of all of the above that determines the run */
} plan_t;

/* Make room for n rows or phases; false if there is no memory. */
bool plan_reserve(plan_t *plan, size_t nrows, size_t nphases);

static inline bool
plan_row_on(const plan_row_t *row, uint32_t thread) {
    return (row->on[thread / 64] >> (thread % 64)) & 1;
}

/* Checks the whole and derives the rest. False with one line in `message`. */
bool plan_finish(plan_t *plan, char *message, size_t message_size);

/* How many operations thread `index` makes; UINT64_MAX if there is no end by count. */
uint64_t plan_quota(const plan_t *plan, uint32_t index);

bool plan_produces(const plan_t *plan, uint32_t thread);

void plan_free(plan_t *plan);

#endif

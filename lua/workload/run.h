/*
 * run.h -- the state of a run, for the files of the engine. Users of the engine include engine.h.
 *
 * engine.c starts and ends a run, conductor.c is the thread that leads it, engine_result.c reads it. They share this
 * structure and the few functions below.
 *
 * The conductor changes the state, under the mutex:
 *
 *   RUNNING   workers produce until their quotas are done, the duration is over, or a stop; it ends when
 *             shared.producing is 0
 *   FREEING   shared.release is set: workers free the blocks that they hold and end; the conductor joins them
 *   DONE      the histograms and faults of workers may be read; only the conductor's own thread is left to join
 *
 * The mutex guards the state, the timeline and the fields marked (m). It is not held while a control is written or
 * while the allocator does anything but count. Workers never take it in the measured loop.
 *
 * In a child of fork a run is "inherited". Its mutex and condition are left alone: a thread that does not exist there
 * may hold them. So is the timeline, unless the run was over. The workers' counters and the lists of mappings are
 * always whole.
 */
#ifndef WORKLOAD_RUN_H
#define WORKLOAD_RUN_H

#include <pthread.h>

#include "engine.h"

/* The end of a segment. */
typedef struct {
    timeline_entry_t entry;
    uint64_t failures; /* from the start */
    uint64_t own;      /* ns of preparation and of the clock, all threads, from the start */
} segment_end_t;

/* A scale or rate that follows a curve. */
typedef struct {
    curve_t curve;  /* CURVE_NONE: it stays as it is */
    uint64_t start; /* ns from the start of the run */
} level_t;

struct engine {
    region_t region;     /* of this structure, too */
    uint32_t generation; /* of forks, when the threads were made */
    const plan_t *plan;
    heap_t heap;
    shared_t shared;
    pthread_t *threads; /* of the workers */
    pthread_t conductor;
    pthread_mutex_t mutex;
    pthread_cond_t changed;                /* by CLOCK_MONOTONIC: a stop, an idle worker, a new state */
    engine_state_t state;                  /* (m) */
    bool stop_asked;                       /* (m) by engine_stop() */
    bool ended_by_plan;                    /* (m) by duration or quotas before that */
    timeline_t timeline;                   /* (m) */
    uint64_t failed_sets;                  /* (m) */
    level_t scale, rate;                   /* (m) */
    segment_end_t ends[PLAN_MAX_SEGMENTS]; /* written by the conductor; read when the state is ENGINE_DONE */
    size_t nends;                          /* likewise */
    uint64_t t0;                           /* clock at the start; set before the conductor exists */
    uint64_t base_rss;
    uint64_t clock_cost;
    size_t next_phase;   /* conductor only */
    uint64_t next_entry; /* conductor only; ns from t0 */
};

/* Counts forks from now on. Call it before the threads of a run are made. 0, or an errno value. */
int run_watch_forks(void);

/* Changes in every child of a fork. */
uint32_t run_generation(void);

/* True in a child of the process that started the run. */
bool run_inherited(const engine_t *engine);

/* ns from the start to now. */
uint64_t run_time(const engine_t *engine);

/* The sum over all workers of a counter, which is at `offset` in worker_t. */
uint64_t run_sum(const engine_t *engine, size_t offset);
uint64_t run_live_bytes(const engine_t *engine);
uint64_t run_live_blocks(const engine_t *engine);

/* Adds an entry of this moment to the timeline; mark: what was done, or NULL. */
void run_add_entry(engine_t *engine, const char *mark);
void run_add_entry_locked(engine_t *engine, const char *mark);

/* Keeps the last entry of the timeline as the end of the segment. For the conductor. */
void run_end_segment(engine_t *engine);

/* conductor.c: the conductor's thread; arg is the engine. */
void *run_conduct(void *arg);

/* conductor.c: wakes the conductor, because a worker is idle; context is the engine. */
void run_wake(void *context);

#endif

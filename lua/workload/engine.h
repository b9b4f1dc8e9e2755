/*
 * engine.h -- a run of a plan: its threads, its conductor, its results.
 *
 * One thread, the conductor, starts the workers, keeps the timeline, applies the phases and ends the run; then it joins
 * the workers. Everybody else only asks. All functions may be called from any thread, but for engine_destroy(), which
 * must be the last. All threads of a run block all signals.
 *
 * In a child of fork a run of the parent's is over: its threads are not there. What they had allocated stays
 * allocated, like all else that belongs to threads which a fork leaves behind; engine_destroy() gives back the engine's
 * own memory. Timeline and result are there if the run was over before.
 */
#ifndef WORKLOAD_ENGINE_H
#define WORKLOAD_ENGINE_H

#include "timeline.h"
#include "worker.h"

typedef struct engine engine_t;

typedef enum {
    ENGINE_RUNNING,
    ENGINE_FREEING,
    ENGINE_DONE
} engine_state_t;

typedef struct {
    engine_state_t state;
    double seconds; /* from the start to now, or to the end of the operations */
    double scale, rate;
    uint64_t ops, live_bytes, live_blocks, failures, capped, handed, checked, errors;
    uint64_t rss; /* bytes, now */
    uint64_t calls[CALL_KINDS];
} engine_status_t;

/* Complete when the state is ENGINE_DONE. */
typedef struct {
    engine_status_t total;
    histogram_t latency[CALL_KINDS]; /* ns, of the timed calls */
    uint64_t clock_cost;             /* ns, already subtracted */
    uint64_t hash;                   /* over the sizes requested, all threads */
    uint64_t max_lag;                /* ns behind the schedule of an open loop */
    uint64_t peak_rss;               /* bytes, of the timeline's entries */
    uint64_t base_rss;               /* bytes, before the start */
    uint64_t failed_sets;            /* settings of phases that the allocator refused */
    bool stopped;                    /* ended by engine_stop(), not by its plan */
    fault_t fault;                   /* the first found by any thread */
} engine_result_t;

/* Starts a run; NULL with one line in `message` if the system refuses. The plan and the heap's functions must outlive
 * it. */
engine_t *engine_start(const plan_t *plan, const heap_t *heap, char *message, size_t message_size);

/* True in a child of fork, of a run that was not over. */
bool engine_lost(const engine_t *engine);

/* Waits until the run is over, for at most `ns`. True if it is. */
bool engine_wait(engine_t *engine, uint64_t ns);

/* Asks the run to end. engine_wait() tells when it has. */
void engine_stop(engine_t *engine);

/*
 * Changes a running workload; change->at is ignored. Each change is a mark on the timeline. 0, or the errno value of
 * the first setting that the allocator refused, with its line in `message`; the other changes are made. ESRCH, and no
 * change, in a child of fork.
 */
int engine_change(engine_t *engine, const plan_phase_t *change, char *message, size_t message_size);

void engine_status(engine_t *engine, engine_status_t *out);

/* How many entries the timeline has, and how many marks at most. */
void engine_timeline_size(engine_t *engine, size_t *nentries, size_t *nmarks);

/* Copies up to n entries of the timeline from position `from`; returns how many. Marks are valid until
 * engine_destroy(). */
size_t engine_timeline(engine_t *engine, size_t from, timeline_entry_t *out, size_t n);

/* False if the run is not over, or is lost. */
bool engine_result(engine_t *engine, engine_result_t *out);

/* Stops the run, waits for its end, and gives back everything that it used. */
void engine_destroy(engine_t *engine);

#endif

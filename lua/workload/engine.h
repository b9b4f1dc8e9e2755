/*
 * engine.h -- runs a plan: starts its threads, changes and stops it, and reports its results.
 *
 * engine_start() makes one thread for each worker and one, the conductor, that leads the run: it starts the workers,
 * keeps the timeline, applies the phases, ends the run and joins the workers. The functions here may be called from any
 * thread; engine_destroy() must be the last call. All threads of a run block all signals.
 *
 * In a child of fork a run of the parent is over, since its threads do not exist there. Blocks that they had allocated
 * remain allocated; engine_destroy() frees the engine's own memory. The timeline and the result can be read if the run
 * was over before the fork.
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
    uint64_t rss;                          /* bytes, now */
    double executing, preparing, clocking; /* seconds, the sum of all threads (worker.h) */
    double ops_per_s;                      /* of a closed loop: without the times of the preparation and of the clock */
    uint64_t calls[CALL_KINDS];
} engine_status_t;

/* Complete when the state is ENGINE_DONE. */
typedef struct {
    engine_status_t total;
    latency_t latency;    /* of the whole run */
    uint64_t clock_cost;  /* ns, already subtracted */
    uint64_t hash;        /* over the sizes requested, all threads */
    uint64_t max_lag;     /* ns behind the schedule of an open loop */
    uint64_t peak_rss;    /* bytes, of the timeline's entries */
    uint64_t base_rss;    /* bytes, before the start */
    uint64_t failed_sets; /* settings of phases that the allocator refused */
    bool stopped;         /* ended by engine_stop() or a problem, not by its plan */
    const char *problem;  /* one line: why a trace could not be replayed to its end; or NULL. Until engine_destroy() */
    fault_t fault;        /* the first found by any thread */
} engine_result_t;

/* One segment of a run (plan.h). */
typedef struct {
    bool reached;            /* false: the run ended before it */
    timeline_entry_t before; /* at its begin: zeros at that of the run */
    timeline_entry_t end;
    uint64_t failures;
    double ops_per_s; /* as in engine_status_t */
    latency_t latency;
} engine_segment_t;

/* Starts a run; NULL with one line in `message` if the system refuses. The plan and the heap's functions must outlive
 * it. */
engine_t *engine_start(const plan_t *plan, const heap_t *heap, char *message, size_t message_size);

/* True in a child of fork, if the run was not over. */
bool engine_lost(const engine_t *engine);

/* Waits until the run is over, for at most `ns`. True if it is. */
bool engine_wait(engine_t *engine, uint64_t ns);

/* Makes the run end soon; engine_wait() waits for the end. */
void engine_stop(engine_t *engine);

/*
 * conductor.c: changes a running workload; change->at is ignored. Each change becomes a mark on the timeline. 0, or the
 * errno value of the first setting that the allocator refused, with its message; the other changes are made. ESRCH, and
 * no change, in a child of fork.
 */
int engine_change(engine_t *engine, const plan_phase_t *change, char *message, size_t message_size);

/* engine_result.c: the state now. */
void engine_status(engine_t *engine, engine_status_t *out);

/* The number of entries of the timeline, and the largest number of marks among them. */
void engine_timeline_size(engine_t *engine, size_t *nentries, size_t *nmarks);

/* Copies up to n entries of the timeline from position `from`, and returns their number. Marks are valid until
 * engine_destroy(). */
size_t engine_timeline(engine_t *engine, size_t from, timeline_entry_t *out, size_t n);

/* Fills `out`; false if the run is not over, or is lost. */
bool engine_result(engine_t *engine, engine_result_t *out);

/* What the clock costs, in ns, as in the result. */
uint64_t engine_clock_cost(const engine_t *engine);

/* Fills `out` for segment i, 0 .. plan_segments() - 1; false if the run is not over, or is lost. */
bool engine_segment(engine_t *engine, size_t i, engine_segment_t *out);

/* Stops the run, waits for its end, and frees all its resources. */
void engine_destroy(engine_t *engine);

#endif

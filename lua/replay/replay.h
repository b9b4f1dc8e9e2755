/*
 * replay.h -- replays a plan (plan.h) on a malloc: the recorded threads make the recorded calls.
 *
 * For a process of its own, whose malloc is the one to be measured: la.replay starts one. replay_start() makes a
 * thread, the conductor, which creates the threads of the trace where they start, joins them where they end, and
 * samples the memory of the process. The worker that completes a window begins the next one by itself, so a trace of
 * one thread never waits.
 *
 * Nothing here allocates from the heap under test. The slots, the workers and the samples are in shared mappings and
 * the plan is a mapped file, so none of them is in the process's anonymous memory, by which replays and recordings are
 * compared.
 *
 * A workload of a trace (workload/replayer.h) hosts a replay: it is the conductor itself, by replay_create() and the
 * functions behind it, keeps its own timeline, and may run in a process that forks; so the memory is private there.
 *
 * The functions may be called from any one thread.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include "plan.h"
#include "workload/engine.h"

typedef struct replay replay_t;

/* What is written of each block. */
typedef enum {
    REPLAY_TOUCH_PAGES, /* a byte of each page */
    REPLAY_TOUCH_ALL,   /* every byte */
    REPLAY_TOUCH_NONE,
    REPLAY_TOUCH_VERIFY, /* every byte, which is compared when the block is resized or freed */
    REPLAY_TOUCH_SHARE   /* `share` of the block, `writes` times */
} replay_touch_t;

typedef struct {
    double speed; /* 1: at the recorded times; 2: twice as fast; 0: as fast as possible */
    replay_touch_t touch;
    uint32_t sample;    /* one call in this many is timed */
    uint64_t interval;  /* ns between samples of memory, or calls of `tick` */
    uint64_t rss_limit; /* bytes, at which the replay gives up; 0: none */
    double share;       /* REPLAY_TOUCH_SHARE: 0 .. 1 */
    uint32_t writes;    /* likewise */
    /* Of a replay that is hosted; else NULL. */
    void (*tick)(void *context); /* called by replay_run() in the place of samples; it may call replay_stop() */
    void *context;
    latency_t *latency;              /* nsegments of them, to which durations are added */
    const _Atomic uint32_t *segment; /* the present one */
    uint32_t nsegments;
} replay_options_t;

/* What was done so far, as far as the threads have told. A thread tells at least at the end of each window. */
typedef struct {
    uint64_t calls, live_bytes, live_blocks, failures;
    uint64_t checked, corrupt; /* blocks, of REPLAY_TOUCH_VERIFY */
    uint64_t executed;         /* ns, the sum of all threads */
} replay_figures_t;

/* Complete when the replay is over. */
typedef struct {
    engine_result_t run;                      /* as of a workload; base_rss and peak_rss are anonymous memory */
    uint64_t count[CALL_KINDS][PLAN_CLASSES]; /* calls made */
    uint64_t remote;      /* blocks that another thread freed or resized than the one that allocated them */
    uint64_t violations;  /* blocks that were not there when they were needed: 0, if the engine is right */
    uint64_t deviations;  /* windows at whose end not the recorded bytes lived */
    uint64_t peak_live;   /* bytes, at the ends of windows */
    uint64_t look_rss;    /* bytes: of anonymous memory when the recorder of the trace first looked */
    uint64_t corrupt;     /* blocks that held something else, were not aligned, or not zero: REPLAY_TOUCH_VERIFY */
    uint64_t unlike;      /* calls that had failed in the recording and now did not */
    uint64_t threads;     /* that were created */
    uint64_t windows;     /* that are complete */
    uint64_t waiting;     /* ns that workers waited for each other's blocks within windows, the sum */
    uint64_t live_at_end; /* blocks that were never freed, and are not freed by the replay */
    int error;            /* an errno value, for which the replay gave up; 0 */
    const char *problem;  /* one line on it */
} replay_result_t;

/* Starts it. The plan and the heap's functions must outlive it. NULL, with one line in `message`, if the system
 * refuses. */
replay_t *replay_start(const plan_file_t *plan, const heap_t *heap, const replay_options_t *options, char *message,
                       size_t message_size);

/* Waits until it is over, for at most `ns`. True if it is. */
bool replay_wait(replay_t *replay, uint64_t ns);

/* Windows that are complete. */
uint64_t replay_progress(const replay_t *replay);

/* Makes it end soon. */
void replay_stop(replay_t *replay);

/* After its end. */
void replay_result(replay_t *replay, replay_result_t *out);
const timeline_entry_t *replay_timeline(const replay_t *replay, size_t *n);

/* Stops it, waits for its end and frees its resources; blocks of the heap stay. */
void replay_destroy(replay_t *replay);

/* Of any replay, at any time. */
void replay_figures(const replay_t *replay, replay_figures_t *out);

/* ---- of a replay that is hosted, in this order ---- */

/* Makes it, without a thread. NULL without memory. */
replay_t *replay_create(const plan_file_t *plan, const heap_t *heap, const replay_options_t *options);

/* Makes the calls, to the end or until replay_stop(). */
void replay_run(replay_t *replay);

/* Ends the threads that are left. */
void replay_join(replay_t *replay);

/* Frees the blocks that are left. */
void replay_free_rest(replay_t *replay);

/* After replay_join(): what the threads counted; `run` has calls, failures, executing, clocking, latency, max_lag and
 * the fault, and of the other fields those up to `remote`, error and problem are set. */
const replay_result_t *replay_sums(const replay_t *replay);

void replay_free(replay_t *replay);

#endif

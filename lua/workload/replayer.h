/*
 * replayer.h -- what a workload of a trace runs in the place of its rows: the engine of replays.
 *
 * The plan of such a workload has a replayer and one worker. In that worker's thread the replayer makes the threads of
 * the trace, which make its calls (replay/player.h). Meanwhile it copies their figures into the worker's counters, so
 * that the rest of this engine treats them as one thread's: phases, the timeline, limits and results work as for rows.
 *
 * lua/replay/replayer.c defines these functions. They are declared here, so that this folder includes nothing of that
 * one.
 */
#ifndef WORKLOAD_REPLAYER_H
#define WORKLOAD_REPLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

/* A trace that is loaded. It does not change; threads may share it. */
typedef struct {
    uint32_t threads;    /* of the trace, in all */
    uint64_t calls;      /* in all */
    uint64_t peak;       /* bytes that live at once, in the order of the file */
    uint64_t calls_hash; /* over the calls of each thread and the blocks that they are for */
    uint64_t times_hash; /* over their times */
    bool timed;          /* each call has a time */
} replayer_t;

/* Loads the trace: a text (replay/text.h). 0, or an errno value with one line in `message`. */
int replayer_load(replayer_t **out, const char *path, char *message, size_t message_size);

/* NULL is nothing. */
void replayer_free(replayer_t *replayer);

/* The worker's own state of a run of so many segments, in worker->replay: before the thread is created. False without
 * memory. */
bool replayer_create(struct worker *worker, size_t nsegments);

/* In the worker's thread: makes the calls of the trace, to its end or until the run is stopped. If it cannot go on, it
 * writes one line into worker->problem. */
void replayer_play(struct worker *worker);

/* In the worker's thread, later: ends the threads of the trace that are left, frees every block, and adds what was
 * counted to the worker. */
void replayer_end(struct worker *worker);

/* Frees the state. Its threads must not exist any more, or in the parent of this process only. */
void replayer_destroy(struct worker *worker);

#endif

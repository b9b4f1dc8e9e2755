/*
 * writer.h -- writes the file of a plan, a window at a time. For compile.c.
 *
 * Operations are queued in the order of the trace. plan_write_window() sorts them by thread and writes the window. The
 * size of a PLAN_TOUCH is often known only when its block ends: plan_writer_set_touch() changes it wherever it is.
 */
#ifndef REPLAY_WRITER_H
#define REPLAY_WRITER_H

#include "blocks.h"
#include "plan.h"

typedef struct {
    plan_op_t op;
    uint32_t run; /* of the window */
} queued_op_t;

typedef struct {
    int fd;
    uint64_t offset;   /* of the next window in the file */
    uint64_t nwindows; /* that are written; the number of the present one */
    growing_t queue;   /* queued_op_t */
    size_t nqueued;
    plan_run_t runs[PLAN_WINDOW_RUNS];
    uint32_t nruns;
    bool starts;
    growing_t out; /* the window as it is written */
} plan_writer_t;

/* Makes the file, which must not exist; path NULL: one in memory. 0, or an errno value. */
int plan_writer_open(plan_writer_t *writer, const char *path);

/* A run for the thread, whose first operation is at `time`. There must be room: nruns < PLAN_WINDOW_RUNS. */
uint32_t plan_writer_run(plan_writer_t *writer, uint32_t thread, bool starts, uint64_t time);

/* Appends an operation to a run. False without memory. */
bool plan_writer_op(plan_writer_t *writer, uint32_t run, plan_op_t op);

/* Writes the window, if there is anything in it, with these figures; blocks learn where their PLAN_TOUCH is. 0, or an
 * errno value. */
int plan_write_window(plan_writer_t *writer, plan_blocks_t *blocks, const plan_window_t *figures);

/* Sets the size of the block's PLAN_TOUCH, which is in the present window or in the file. 0, or an errno value. */
int plan_writer_set_touch(plan_writer_t *writer, const plan_block_t *block, uint32_t slot, uint64_t size);

/* Writes the head and the padding; the file is complete. 0, or an errno value. */
int plan_writer_finish(plan_writer_t *writer, const plan_head_t *head);

void plan_writer_close(plan_writer_t *writer);

#endif

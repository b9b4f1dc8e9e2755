/*
 * compiler.h -- the state of a compiler of plans, for its files. Users include compile.h.
 *
 * compile.c turns events into operations, compile_window.c ends windows, compile_threads.c begins and ends threads,
 * compile_shares.c keeps what is touched of blocks of medium size.
 */
#ifndef REPLAY_COMPILER_H
#define REPLAY_COMPILER_H

#include "compile.h"
#include "writer.h"

/* A thread of the trace, by its number there. */
typedef struct {
    uint64_t last;   /* time of its last operation, ns from the start */
    uint32_t window; /* + 1, in which it has the run; 0: none yet */
    uint32_t run;
    uint32_t thread;        /* in the plan */
    int64_t grown, highest; /* bytes: what it adds to those that live in the present window, now and at most */
    bool alive;
} compiled_thread_t;

/* What is touched of the blocks of a class, as far as that is known: bytes. */
typedef struct {
    uint64_t touched[PLAN_CLASSES], size[PLAN_CLASSES];
} plan_shares_t;

struct plan_compiler {
    plan_writer_t writer;
    plan_blocks_t blocks;
    growing_t threads; /* compiled_thread_t */
    plan_head_t head;
    uint32_t nalive; /* threads */
    uint64_t start, now;
    bool timed; /* start is set */
    uint64_t live;
    /* Of the present window, bytes. */
    uint64_t live_before;
    uint64_t grown;    /* the most that live, less those before it */
    uint64_t possible; /* the same if each thread were at its highest at once */
    bool before;       /* every call so far is of a block that lived before */
    bool look;         /* the present window begins where the recorder first looked at the memory */
    uint64_t look_at;  /* the time of that; UINT64_MAX: it is over, or unknown */
    plan_shares_t shares;
};

/* Writes the present window, and begins the next one. 0, or an errno value, as of the functions below. */
int compiler_end_window(plan_compiler_t *compiler);

/* The thread of that number, with a run in the present window. */
int compiler_thread(plan_compiler_t *compiler, uint32_t number, compiled_thread_t **out);
int compiler_end_thread(plan_compiler_t *compiler, uint32_t number);

/* Of a block of this size, medium, so many bytes were touched. */
void shares_add(plan_shares_t *shares, uint64_t size, uint64_t touched);
/* The means, for plan_head_t.touched. */
void shares_mean(const plan_shares_t *shares, uint8_t means[PLAN_CLASSES]);

#endif

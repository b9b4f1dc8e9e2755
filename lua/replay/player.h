/*
 * player.h -- the state of a replay, for the files of the engine. Users include replay.h.
 *
 * replay.c starts and ends a replay, conductor.c leads it from window to window, player_thread.c waits for runs,
 * player.c makes their calls, player_touch.c writes to large blocks, and player_verify.c checks what blocks hold.
 *
 * A window is begun by the worker that completed the one before it, or by the conductor if a thread must be created or
 * joined. It sets `pending` and hands each run to its worker; every worker subtracts 1, and the last one completes the
 * window. So the fields marked (w) belong to one thread at a time, and pass on with `pending` and `turn`.
 */
#ifndef REPLAY_PLAYER_H
#define REPLAY_PLAYER_H

#include <pthread.h>

#include "futex.h"
#include "replay.h"

enum {
    PLAYER_PAGE = 4096,
    PLAYER_YIELDS = 10,              /* of the processor, before a thread sleeps */
    PLAYER_PUT_OFF = 64,             /* frees that a worker puts off, at most */
    PLAYER_PUT_OFF_BYTES = 64 << 10, /* of their blocks, at most */
    PLAYER_LARGEST_LG = 30           /* of alignments */
};

/* In a slot for whose block the allocator had no memory. One comparison finds it and NULL. */
#define PLAYER_REFUSED ((void *)(uintptr_t)1)

/* Of the block in a slot, for REPLAY_TOUCH_VERIFY. */
typedef struct {
    uint64_t size;
    uint32_t thread; /* that allocated it */
} player_owner_t;

/* A thread of the trace. The worker writes the fields; others read them when a window is complete. */
typedef struct player {
    replay_t *replay;
    uint32_t thread; /* in the plan */
    pthread_t handle;
    struct player *next;   /* in the list of those that have ended, or that are free */
    _Atomic uint32_t turn; /* futex: +2 with each run that is handed over; +1 while the worker sleeps */
    uint32_t handed;       /* (w) how many runs were handed over */
    const plan_run_t *run; /* NULL: end */
    const plan_op_t *ops;
    size_t touched;           /* bytes, of the next large block */
    const plan_op_t *resized; /* the last PLAN_FROM */
    void *_Atomic *slots;
    replay_touch_t touch;
    const plan_op_t *put_off[PLAYER_PUT_OFF]; /* frees whose blocks another thread had not allocated yet */
    size_t nput_off, put_off_bytes;
    calls_t calls;
    latency_t *latency;        /* options.nsegments of them */
    uint64_t count[PLAN_KEYS]; /* operations, by plan_key() */
    uint64_t violations, unlike;
    /* Since player_publish(): allocated less freed, calls made, and blocks checked. */
    int64_t live_bytes, live_blocks;
    uint64_t made, checked;
    fault_t fault;   /* the first one */
    uint64_t waited; /* ns */
    uint64_t max_lag;
    uint64_t due; /* ns from the start of the trace, of the present operation */
} player_t;

struct replay {
    const plan_file_t *plan;
    heap_t heap;
    replay_options_t options;
    void *_Atomic *slots;
    player_owner_t *owners;  /* by slot, with REPLAY_TOUCH_VERIFY; else NULL */
    player_t **players;      /* by thread of the plan; NULL: it does not run */
    player_t *free_players;  /* conductor only */
    player_t *_Atomic ended; /* players whose threads are to be joined */
    region_t region;         /* of this structure and all of the above; shared mappings unless it is hosted */
    pthread_t conductor;
    /* A window is complete; the player that completed it calls this. */
    void (*window_done)(replay_t *replay);
    uint64_t clock_cost;
    _Atomic uint64_t t0;      /* clock at the start of the trace's time; after the blocks from before the recording */
    _Atomic uint32_t segment; /* always 0 */
    _Atomic uint32_t pending; /* runs of the present window that are not done */
    _Atomic uint32_t call;    /* futex: the conductor is needed */
    _Atomic uint32_t done;    /* futex: 1, the replay is over */
    _Atomic bool stop;
    _Atomic uint64_t nwindows;
    _Atomic uint64_t ncalls, live_bytes, live_blocks, nfailures, nchecked, ncorrupt, executed; /* replay_figures_t */
    const plan_window_t *window;                                                               /* (w) the present one */
    const plan_window_t *following;           /* (w) NULL: the present one is the last */
    uint64_t offset;                          /* (w) */
    uint64_t peak_live, peak_rss, deviations; /* (w) */
    uint64_t look_rss;                        /* (w) replay_result_t.look_rss */
    uint64_t next_rss;                        /* (w) clock, of the next look at the memory between windows */
    uint64_t base_rss;                        /* conductor */
    uint64_t ended_at;                        /* clock */
    timeline_t timeline;                      /* conductor */
    replay_result_t sums;                     /* of players that have ended; conductor */
    char problem[256];
};

static inline bool
player_stopped(const player_t *player) {
    return atomic_load_explicit(&player->replay->stop, memory_order_relaxed);
}

/* Writes a byte of each page. */
static inline void
player_touch_pages(char *ptr, size_t size) {
    for (size_t at = 0; at < size; at += PLAYER_PAGE) {
        ((volatile char *)ptr)[at] = 1;
    }
    if (size != 0) {
        ((volatile char *)ptr)[size - 1] = 1;
    }
}

/* player_touch.c: touches a block of PLAN_MEDIUM or more bytes, as far as the recording says. */
void player_touch_some(const player_t *player, char *ptr, size_t size);

/* player_touch.c: writes to a block by REPLAY_TOUCH_SHARE. */
void player_touch_share(const player_t *player, char *ptr, size_t size);

/* player_verify.c, only of REPLAY_TOUCH_VERIFY. What is wrong is counted, and the first fault is kept. */

/* Checks that a new block of the operation's slot is aligned, and fills it. */
void player_fill(player_t *player, const plan_op_t *op, char *ptr);
/* Checks that the block holds what a block of the slot was filled with; kind: FAULT_CONTENTS or FAULT_REALLOC. */
void player_check(player_t *player, fault_kind_t kind, uint32_t slot, const char *ptr, size_t size);
/* Checks that a new block of calloc is zero. */
void player_check_zero(player_t *player, const plan_op_t *op, const char *ptr);

/* conductor.c: the conductor's thread; arg is the replay. */
void *replay_conduct(void *arg);

/* player.c: adds what was done to the figures of the replay. */
void player_publish(player_t *player);

/* player.c: frees the blocks that are left, when no other thread of the replay exists. */
void player_free_rest(player_t *player);

/* player.c: makes the calls of a run. */
void player_play_run(player_t *player, const plan_op_t *ops, size_t n);

/* player_thread.c: the thread's function; arg is the player. */
void *player_main(void *arg);

#endif

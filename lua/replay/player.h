/*
 * player.h -- the state of a replay, for the files of the engine. Users include replay.h.
 *
 * replay.c starts and ends a replay, conductor.c leads it from window to window, player.c makes the calls of a run.
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

/* In a slot for whose block the allocator had no memory. One comparison finds it and NULL. */
#define PLAYER_REFUSED ((void *)(uintptr_t)1)

/* A thread of the trace. The worker writes the fields; others read them when a window is complete. */
typedef struct player {
    replay_t *replay;
    uint32_t thread; /* in the plan */
    pthread_t handle;
    struct player *next;   /* in the list of those that have ended, or that are free */
    _Atomic uint32_t turn; /* futex: +1 with each run that is handed over */
    const plan_run_t *run; /* NULL: end */
    const plan_op_t *ops;
    size_t touched; /* bytes, of the next large block */
    void *_Atomic *slots;
    replay_touch_t touch;
    calls_t calls;
    latency_t latency;
    uint64_t count[PLAN_KEYS]; /* operations, by plan_key() */
    uint64_t violations, unlike, failures;
    int64_t live_bytes;        /* of the present run: allocated less freed */
    uint64_t executed, waited; /* ns */
    uint64_t max_lag;
    uint64_t due; /* ns from the start of the trace, of the present operation */
} player_t;

struct replay {
    const plan_file_t *plan;
    heap_t heap;
    replay_options_t options;
    void *_Atomic *slots;
    size_t slots_size;
    player_t **players; /* by thread of the plan; NULL: it does not run */
    size_t players_size;
    player_t *free_players;  /* conductor only */
    player_t *_Atomic ended; /* players whose threads are to be joined */
    region_t region;         /* shared mappings: of this structure, the players and the timeline */
    pthread_t conductor;
    /* A window is complete; the player that completed it calls this. */
    void (*window_done)(replay_t *replay, const player_t *self);
    uint64_t clock_cost;
    _Atomic uint64_t t0;      /* clock at the start of the trace's time; after the blocks from before the recording */
    _Atomic uint32_t segment; /* always 0 */
    _Atomic uint32_t pending; /* runs of the present window that are not done */
    _Atomic uint32_t call;    /* futex: the conductor is needed */
    _Atomic uint32_t done;    /* futex: 1, the replay is over */
    _Atomic bool stop;
    _Atomic uint64_t nwindows, live_bytes;
    _Atomic uint64_t nops;                    /* that are done, for the timeline */
    const plan_window_t *window;              /* (w) the present one */
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

/* conductor.c: the conductor's thread; arg is the replay. */
void *replay_conduct(void *arg);

/* player.c: the thread's function; arg is the player. */
void *player_main(void *arg);

#endif

/*
 * conductor.c -- leads a replay from window to window. See player.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "player.h"

enum {
    STACK = 512 << 10, /* bytes, of a player's thread */
    GLANCE = 1000000   /* ns between looks at the memory at the ends of windows */
};

/* ---- windows ---- */

static bool
stopped(const replay_t *replay) {
    return atomic_load_explicit(&replay->stop, memory_order_relaxed);
}

/* Hands a run to its player. */
static void
hand_over(player_t *player, const plan_run_t *run, const plan_op_t *ops) {
    player->run = run;
    player->ops = ops;
    uint32_t before = atomic_exchange_explicit(&player->turn, 2 * ++player->handed, memory_order_release);
    if ((before & 1) != 0) {
        replay_wake(&player->turn);
    }
}

/* Begins the following window, whose threads exist. When its last run is handed over, the window may be complete, and
 * belong to another thread. */
static void
begin_window(replay_t *replay) {
    const plan_window_t *window = replay->following;
    const plan_op_t *ops = plan_ops(window);
    replay->window = window;
    replay->following = plan_next_window(replay->plan, &replay->offset);
    atomic_store_explicit(&replay->pending, window->nruns, memory_order_release);
    player_t **players = replay->players;
    for (uint32_t i = 0, n = window->nruns; i < n; i++) {
        const plan_run_t *run = &plan_runs(window)[i];
        const plan_op_t *next = ops + run->nops;
        hand_over(players[run->thread], run, ops);
        ops = next;
    }
}

/* Compares what lives now with the recording, and notes the peaks. */
static void
complete_window(replay_t *replay) {
    uint64_t live = atomic_load_explicit(&replay->live_bytes, memory_order_relaxed), now = clock_ns();
    replay->deviations += live != replay->window->live_bytes;
    if (live > replay->peak_live || now >= replay->next_rss) {
        uint64_t rss = timeline_rss(&replay->timeline);
        replay->peak_rss = rss > replay->peak_rss && !replay->window->before ? rss : replay->peak_rss;
        replay->next_rss = now + GLANCE;
    }
    if (replay->following != NULL && replay->following->look && !replay->window->before) {
        replay->look_rss = timeline_rss(&replay->timeline);
    }
    replay->peak_live = live > replay->peak_live ? live : replay->peak_live;
    atomic_fetch_add_explicit(&replay->nwindows, 1, memory_order_relaxed);
}

/* The conductor must act before the following window. */
static bool
needs_conductor(const replay_t *replay) {
    const plan_window_t *following = replay->following;
    return stopped(replay) || following == NULL || following->starts || following->before != replay->window->before;
}

/* replay_t.window_done */
static void
window_done(replay_t *replay) {
    complete_window(replay);
    if (needs_conductor(replay)) {
        atomic_store_explicit(&replay->call, 1, memory_order_release);
        replay_wake(&replay->call);
    } else {
        begin_window(replay);
    }
}

/* ---- players ---- */

static void
give_up(replay_t *replay, int error, const char *what) {
    if (replay->sums.error == 0) {
        replay->sums.error = error;
        replay->sums.problem = replay->problem;
        snprintf(replay->problem, sizeof(replay->problem), "%s: %s", what, strerror(error));
    }
    atomic_store_explicit(&replay->stop, true, memory_order_relaxed);
}

/* An empty player: one that another thread has left, or a new one. NULL without memory. */
static player_t *
take_player(replay_t *replay) {
    size_t size = replay->options.nsegments * sizeof(latency_t);
    player_t *player = replay->free_players;
    if (player == NULL) {
        player = region_alloc(&replay->region, sizeof(*player));
        latency_t *latency = region_alloc(&replay->region, size);
        if (player == NULL || latency == NULL) {
            return NULL;
        }
        player->latency = latency;
        return player;
    }
    latency_t *latency = player->latency;
    replay->free_players = player->next;
    memset(player, 0, sizeof(*player));
    memset(latency, 0, size);
    player->latency = latency;
    return player;
}

/* A player for the thread. NULL without memory. */
static player_t *
new_player(replay_t *replay, uint32_t thread) {
    player_t *player = take_player(replay);
    if (player != NULL) {
        player->replay = replay;
        player->thread = thread;
        player->slots = replay->slots;
        player->touch = replay->options.touch;
        calls_init(&player->calls, &replay->heap, replay->options.sample, replay->clock_cost, thread);
        calls_measure_into(&player->calls, player->latency, replay->options.segment);
    }
    return player;
}

static int
start_thread(player_t *player) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_attr_setstacksize(&attributes, STACK);
    error = pthread_create(&player->handle, &attributes, player_main, player);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Creates the threads that start with the following window. False if the system refuses. */
static bool
start_players(replay_t *replay) {
    const plan_window_t *window = replay->following;
    for (uint32_t i = 0; i < window->nruns; i++) {
        uint32_t thread = plan_runs(window)[i].thread;
        if (replay->players[thread] == NULL) {
            player_t *player = new_player(replay, thread);
            int error = player == NULL ? ENOMEM : start_thread(player);
            if (error != 0) {
                give_up(replay, error, "no thread more for the replay");
                return false;
            }
            replay->players[thread] = player;
            replay->sums.threads++;
        }
    }
    return true;
}

static void
absorb_counts(replay_result_t *sums, const player_t *player) {
    for (uint32_t key = 0; key < PLAN_KEYS; key++) {
        uint64_t n = player->count[key];
        uint32_t kind = key >> 8 & 15, class = key & 255;
        sums->remote += key >= plan_key(1, 0, 0) ? n : 0;
        if (kind < CALL_KINDS && class < PLAN_CLASSES) {
            sums->count[kind][class] += n;
            sums->run.total.calls[kind] += n;
        }
    }
}

/* Adds what the player counted to the sums. */
static void
absorb(replay_t *replay, const player_t *player) {
    replay_result_t *sums = &replay->sums;
    absorb_counts(sums, player);
    for (uint32_t i = 0; i < replay->options.nsegments; i++) {
        latency_merge(&replay->options.latency[i], &player->latency[i]);
    }
    sums->violations += player->violations;
    sums->unlike += player->unlike;
    sums->waiting += player->waited;
    sums->run.fault = sums->run.fault.kind == FAULT_NONE ? player->fault : sums->run.fault;
    sums->run.total.clocking += (double)(player->calls.timings * replay->clock_cost) / 1e9;
    sums->run.max_lag = player->max_lag > sums->run.max_lag ? player->max_lag : sums->run.max_lag;
}

static void
retire(replay_t *replay, player_t *player) {
    pthread_join(player->handle, NULL);
    absorb(replay, player);
    replay->players[player->thread] = NULL;
    player->next = replay->free_players;
    replay->free_players = player;
}

/* Joins the threads that have ended. */
static void
join_ended(replay_t *replay) {
    player_t *player = atomic_exchange_explicit(&replay->ended, NULL, memory_order_acquire);
    while (player != NULL) {
        player_t *next = player->next;
        retire(replay, player);
        player = next;
    }
}

void
replay_join(replay_t *replay) {
    join_ended(replay);
    for (uint32_t i = 0; i < replay->plan->head->nthreads; i++) {
        if (replay->players[i] != NULL) {
            hand_over(replay->players[i], NULL, NULL);
            retire(replay, replay->players[i]);
        }
    }
}

void
replay_free_rest(replay_t *replay) {
    player_t *player = replay->free_players != NULL ? new_player(replay, 0) : NULL; /* NULL: no thread ever ran */
    if (player != NULL) {
        player_free_rest(player);
        player_publish(player);
        absorb(replay, player);
    }
    atomic_store_explicit(&replay->live_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&replay->live_blocks, 0, memory_order_relaxed);
}

/* ---- the conductor ---- */

/* Looks at the process's memory, or has the host do it. */
static void
add_entry(replay_t *replay, const char *mark) {
    if (replay->options.tick != NULL) {
        replay->options.tick(replay->options.context);
        return;
    }
    uint64_t t0 = atomic_load_explicit(&replay->t0, memory_order_relaxed), now = clock_ns();
    timeline_entry_t entry = {.time = now > t0 ? now - t0 : 0,
                              .live = atomic_load_explicit(&replay->live_bytes, memory_order_relaxed),
                              .ops = atomic_load_explicit(&replay->ncalls, memory_order_relaxed),
                              .mark = mark};
    timeline_add(&replay->timeline, entry);
    const timeline_entry_t *last = &replay->timeline.entries[replay->timeline.n - 1];
    if (replay->options.rss_limit != 0 && last->rss > replay->options.rss_limit) {
        give_up(replay, ENOMEM, "the replay takes more memory than the limit");
    }
}

/* The trace's time starts now: what lived before the recording lives. */
static void
start_time(replay_t *replay) {
    replay->timeline.n = 0;
    replay->timeline.peak_rss = 0;
    replay->base_rss = replay->look_rss = replay->peak_rss = timeline_rss(&replay->timeline);
    atomic_store_explicit(&replay->t0, clock_ns(), memory_order_relaxed);
    add_entry(replay, NULL);
}

/* Waits until the conductor is needed, and samples the memory meanwhile. */
static void
await_call(replay_t *replay) {
    while (atomic_load_explicit(&replay->call, memory_order_acquire) == 0) {
        uint64_t before = clock_ns();
        replay_sleep(&replay->call, 0, replay->timeline.interval);
        if (clock_ns() - before >= replay->timeline.interval) {
            add_entry(replay, NULL);
        }
    }
    atomic_store_explicit(&replay->call, 0, memory_order_relaxed);
}

void
replay_run(replay_t *replay) {
    bool started = false;
    replay->window_done = window_done;
    replay->offset = sizeof(plan_head_t);
    replay->following = plan_next_window(replay->plan, &replay->offset);
    start_time(replay);
    while (replay->following != NULL && !stopped(replay)) {
        join_ended(replay);
        if (!started && !replay->following->before) {
            started = true;
            start_time(replay);
        }
        if (start_players(replay)) {
            begin_window(replay);
            await_call(replay);
        }
    }
    add_entry(replay, NULL);
    replay->ended_at = clock_ns();
}

void *
replay_conduct(void *arg) {
    replay_t *replay = arg;
    replay_run(replay);
    replay_join(replay);
    atomic_store_explicit(&replay->done, 1, memory_order_release);
    replay_wake(&replay->done);
    return NULL;
}

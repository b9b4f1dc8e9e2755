/*
 * replay.c -- starts and ends a replay, and reads it. See replay.h.
 */
#include "replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "player.h"

/* Shared memory, which is no part of the process's anonymous memory. NULL if the system refuses. */
static void *
map_shared(size_t size) {
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

static size_t
at_least_one(size_t n) {
    return n == 0 ? 1 : n;
}

/* Maps what the replay needs. False if the system refuses. */
static bool
prepare(replay_t *replay) {
    const plan_head_t *head = replay->plan->head;
    replay->slots_size = at_least_one(head->nslots) * sizeof(*replay->slots);
    replay->players_size = at_least_one(head->nthreads) * sizeof(player_t *);
    replay->slots = map_shared(replay->slots_size);
    replay->players = map_shared(replay->players_size);
    replay->timeline.region.shared = true;
    replay->timeline.private_only = true;
    return replay->slots != NULL && replay->players != NULL &&
           timeline_open(&replay->timeline, &replay->heap, replay->options.interval) == 0;
}

static void
release(replay_t *replay) {
    if (replay->slots != NULL) {
        munmap((void *)(uintptr_t)replay->slots, replay->slots_size);
    }
    if (replay->players != NULL) {
        munmap(replay->players, replay->players_size);
    }
    timeline_close(&replay->timeline);
    region_t region = replay->region; /* a copy, since the structure itself lies in the region */
    region_free(&region);
}

/* The conductor and the players block all signals: those of the process are for its other threads. */
static int
start_conductor(replay_t *replay) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&replay->conductor, NULL, replay_conduct, replay);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

replay_t *
replay_start(const plan_file_t *plan, const heap_t *heap, const replay_options_t *options, char *message,
             size_t message_size) {
    region_t region = {.shared = true};
    replay_t *replay = region_alloc(&region, sizeof(*replay));
    if (replay == NULL) {
        snprintf(message, message_size, "no memory for a replay");
        return NULL;
    }
    replay->region = region;
    replay->plan = plan;
    replay->heap = *heap;
    replay->options = *options;
    replay->clock_cost = clock_cost();
    int error = prepare(replay) ? start_conductor(replay) : ENOMEM;
    if (error != 0) {
        snprintf(message, message_size, "no memory or no thread for the replay of %llu blocks: %s",
                 (unsigned long long)plan->head->nslots, strerror(error));
        release(replay);
        return NULL;
    }
    return replay;
}

bool
replay_wait(replay_t *replay, uint64_t ns) {
    uint64_t now = clock_ns(), end = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
    while (atomic_load_explicit(&replay->done, memory_order_acquire) == 0) {
        if (now >= end) {
            return false;
        }
        replay_sleep(&replay->done, 0, end - now < 1000000000u ? end - now : 1000000000u);
        now = clock_ns();
    }
    return true;
}

uint64_t
replay_progress(const replay_t *replay) {
    return atomic_load_explicit(&replay->nwindows, memory_order_relaxed);
}

void
replay_stop(replay_t *replay) {
    atomic_store_explicit(&replay->stop, true, memory_order_relaxed);
}

void
replay_destroy(replay_t *replay) {
    replay_stop(replay);
    pthread_join(replay->conductor, NULL);
    release(replay);
}

/* ---- after the end ---- */

const timeline_entry_t *
replay_timeline(const replay_t *replay, size_t *n) {
    *n = replay->timeline.n;
    return replay->timeline.entries;
}

/* Blocks that were never freed. */
static uint64_t
count_live(const replay_t *replay) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < replay->plan->head->nslots; i++) {
        n += atomic_load_explicit(&replay->slots[i], memory_order_relaxed) > PLAYER_REFUSED;
    }
    return n;
}

void
replay_result(replay_t *replay, replay_result_t *out) {
    *out = replay->sums;
    engine_status_t *total = &out->run.total;
    total->state = ENGINE_DONE;
    total->seconds = (double)(replay->ended_at - atomic_load(&replay->t0)) / 1e9;
    total->executing -= total->clocking < total->executing ? total->clocking : 0;
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        for (size_t class = 0; class < PLAN_CLASSES; class ++) {
            total->ops += out->count[kind][class];
        }
    }
    total->ops_per_s = total->seconds > 0 ? (double)total->ops / total->seconds : 0;
    total->live_bytes = atomic_load(&replay->live_bytes);
    total->live_blocks = out->live_at_end = count_live(replay);
    total->handed = out->remote;
    total->rss = timeline_rss(&replay->timeline);
    out->run.clock_cost = replay->clock_cost;
    out->run.base_rss = replay->base_rss;
    out->run.peak_rss = replay->timeline.peak_rss > replay->peak_rss ? replay->timeline.peak_rss : replay->peak_rss;
    out->run.stopped = atomic_load(&replay->stop);
    out->violations = replay->sums.violations;
    out->deviations = replay->deviations;
    out->peak_live = replay->peak_live;
    out->look_rss = replay->look_rss;
    out->windows = replay_progress(replay);
    out->problem = replay->sums.error == 0 ? NULL : replay->problem;
}

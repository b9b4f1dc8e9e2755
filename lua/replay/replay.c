/*
 * replay.c -- starts and ends a replay, and reads it. See replay.h.
 */
#include "replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "player.h"

/* Makes what a replay without a host samples. */
static int
open_timeline(replay_t *replay) {
    replay->timeline.statm = -1;
    replay->timeline.interval = replay->options.interval;
    if (replay->options.tick != NULL) {
        return 0;
    }
    replay->timeline.region.shared = true;
    replay->timeline.private_only = true;
    return timeline_open(&replay->timeline, &replay->heap, replay->options.interval);
}

/* Gets the memory that the replay needs. False if the system refuses. */
static bool
prepare(replay_t *replay) {
    const plan_head_t *head = replay->plan->head;
    region_t *region = &replay->region;
    replay->slots = region_alloc(region, head->nslots * sizeof(*replay->slots));
    replay->players = region_alloc(region, head->nthreads * sizeof(player_t *));
    if (replay->options.touch == REPLAY_TOUCH_VERIFY) {
        replay->owners = region_alloc(region, head->nslots * sizeof(*replay->owners));
    }
    return replay->slots != NULL && replay->players != NULL &&
           (replay->owners != NULL || replay->options.touch != REPLAY_TOUCH_VERIFY) && open_timeline(replay) == 0;
}

replay_t *
replay_create(const plan_file_t *plan, const heap_t *heap, const replay_options_t *options) {
    region_t region = {.shared = options->tick == NULL};
    replay_t *replay = region_alloc(&region, sizeof(*replay));
    if (replay == NULL) {
        return NULL;
    }
    replay->region.chunks = region.chunks;
    replay->region.shared = region.shared;
    replay->plan = plan;
    replay->heap = *heap;
    replay->options = *options;
    if (options->latency == NULL) {
        replay->options.latency = &replay->sums.run.latency;
        replay->options.segment = &replay->segment;
        replay->options.nsegments = 1;
    }
    replay->clock_cost = clock_cost();
    if (!prepare(replay)) {
        replay_free(replay);
        return NULL;
    }
    return replay;
}

void
replay_free(replay_t *replay) {
    timeline_close(&replay->timeline);
    region_t region = {.chunks = replay->region.chunks}; /* a copy, since the structure itself lies in the region */
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
    replay_t *replay = replay_create(plan, heap, options);
    int error = replay == NULL ? ENOMEM : start_conductor(replay);
    if (error == 0) {
        return replay;
    }
    snprintf(message, message_size, "no memory or no thread for the replay of %llu blocks: %s",
             (unsigned long long)plan->head->nslots, strerror(error));
    if (replay != NULL) {
        replay_free(replay);
    }
    return NULL;
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
    replay_free(replay);
}

static uint64_t
load(const _Atomic uint64_t *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

void
replay_figures(const replay_t *replay, replay_figures_t *out) {
    *out = (replay_figures_t){.calls = load(&replay->ncalls),
                              .live_bytes = load(&replay->live_bytes),
                              .live_blocks = load(&replay->live_blocks),
                              .failures = load(&replay->nfailures),
                              .checked = load(&replay->nchecked),
                              .corrupt = load(&replay->ncorrupt),
                              .executed = load(&replay->executed)};
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

const replay_result_t *
replay_sums(const replay_t *replay) {
    return &replay->sums;
}

/* What is of all threads alike. */
static void
fill_total(const replay_t *replay, const replay_result_t *sums, engine_status_t *total) {
    replay_figures_t figures;
    replay_figures(replay, &figures);
    total->state = ENGINE_DONE;
    total->seconds = (double)(replay->ended_at - atomic_load(&replay->t0)) / 1e9;
    total->executing = (double)figures.executed / 1e9;
    total->executing -= total->clocking < total->executing ? total->clocking : 0;
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        total->ops += total->calls[kind];
    }
    total->ops_per_s = total->seconds > 0 ? (double)total->ops / total->seconds : 0;
    total->live_bytes = figures.live_bytes;
    total->failures = figures.failures;
    total->checked = figures.checked;
    total->errors = figures.corrupt;
    total->handed = sums->remote;
    total->rss = timeline_rss(&replay->timeline);
}

void
replay_result(replay_t *replay, replay_result_t *out) {
    *out = replay->sums;
    fill_total(replay, &replay->sums, &out->run.total);
    out->run.total.live_blocks = out->live_at_end = count_live(replay);
    out->run.clock_cost = replay->clock_cost;
    out->run.base_rss = replay->base_rss;
    out->run.peak_rss = replay->timeline.peak_rss > replay->peak_rss ? replay->timeline.peak_rss : replay->peak_rss;
    out->run.stopped = atomic_load(&replay->stop);
    out->corrupt = out->run.total.errors;
    out->deviations = replay->deviations;
    out->peak_live = replay->peak_live;
    out->look_rss = replay->look_rss;
    out->windows = replay_progress(replay);
}

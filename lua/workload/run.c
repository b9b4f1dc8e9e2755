/*
 * run.c -- counters and the timeline of a run, and whether it was left behind by a fork. See run.h.
 */
#include "run.h"

#include <stdatomic.h>

/* ---- forks ---- */

static _Atomic uint32_t generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int watch_error; /* of registering the handler; written under `once` */

/* Runs in each child of fork. */
static void
count_fork(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void
register_handler(void) {
    watch_error = pthread_atfork(NULL, NULL, count_fork);
}

int
run_watch_forks(void) {
    pthread_once(&once, register_handler);
    return watch_error;
}

uint32_t
run_generation(void) {
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

bool
run_inherited(const engine_t *engine) {
    return engine->generation != run_generation();
}

/* ---- counters ---- */

uint64_t
run_time(const engine_t *engine) {
    return clock_ns() - engine->t0;
}

uint64_t
run_sum(const engine_t *engine, size_t offset) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        total += counter_get((const counter_t *)(const void *)((const char *)engine->shared.workers[i] + offset));
    }
    return total;
}

/* Counters are read one after the other. A block that is allocated by one thread and freed by another meanwhile may be
 * subtracted, but not yet added: the sum can be below 0. */
static uint64_t
sum_not_negative(const engine_t *engine, size_t offset) {
    int64_t sum = (int64_t)run_sum(engine, offset);
    return sum < 0 ? 0 : (uint64_t)sum;
}

uint64_t
run_live_bytes(const engine_t *engine) {
    return sum_not_negative(engine, offsetof(worker_t, live_bytes));
}

uint64_t
run_live_blocks(const engine_t *engine) {
    return sum_not_negative(engine, offsetof(worker_t, live_blocks));
}

/* ---- the timeline ---- */

/* Memory of the engine itself that the run adds. */
static uint64_t
engine_bytes(const engine_t *engine) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        bytes += counter_get(&engine->shared.workers[i]->region.used);
    }
    return bytes;
}

void
run_add_entry_locked(engine_t *engine, const char *mark) {
    timeline_entry_t entry = {.time = run_time(engine),
                              .live = run_live_bytes(engine),
                              .ops = run_sum(engine, offsetof(worker_t, ops)),
                              .engine = engine_bytes(engine),
                              .mark = mark};
    timeline_add(&engine->timeline, entry);
}

void
run_add_entry(engine_t *engine, const char *mark) {
    pthread_mutex_lock(&engine->mutex);
    run_add_entry_locked(engine, mark);
    pthread_mutex_unlock(&engine->mutex);
}

void
run_end_segment(engine_t *engine) {
    segment_end_t *end = &engine->ends[engine->nends++];
    pthread_mutex_lock(&engine->mutex);
    end->entry = engine->timeline.entries[engine->timeline.n - 1];
    pthread_mutex_unlock(&engine->mutex);
    end->failures = run_sum(engine, offsetof(worker_t, failures));
    end->own = run_sum(engine, offsetof(worker_t, prepared)) + run_sum(engine, offsetof(worker_t, clocked));
}

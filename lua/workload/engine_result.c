/*
 * engine_result.c -- what a run did so far: its status, its timeline, its result. See engine.h.
 */
#include <string.h>

#include "run.h"

/* In a child of fork nothing else runs, and the mutex may be held forever: it is not taken. */
static void
lock_run(engine_t *engine) {
    if (!run_inherited(engine)) {
        pthread_mutex_lock(&engine->mutex);
    }
}

static void
unlock_run(engine_t *engine) {
    if (!run_inherited(engine)) {
        pthread_mutex_unlock(&engine->mutex);
    }
}

/* The time at which the last worker ended its operations, ns from the start. */
static uint64_t
end_of_operations(const engine_t *engine) {
    uint64_t end = engine->t0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        const worker_t *worker = engine->shared.workers[i];
        end = worker->quota != 0 && worker->ended > end ? worker->ended : end;
    }
    return end - engine->t0;
}

/* In a child of fork the RSS is left out: the open file shows the parent's. */
static void
read_state(engine_t *engine, engine_status_t *out) {
    if (run_inherited(engine)) {
        out->state = ENGINE_DONE;
        out->rss = 0;
        return;
    }
    pthread_mutex_lock(&engine->mutex);
    out->state = engine->state;
    out->rss = timeline_rss(&engine->timeline);
    pthread_mutex_unlock(&engine->mutex);
}

/* Operations per second. The workload stands still while a thread prepares or reads the clock: `own` seconds of all
 * threads. */
static double
speed(const engine_t *engine, uint64_t ops, double seconds, double own) {
    uint32_t producers = engine->plan->producers > 0 ? engine->plan->producers : 1;
    double left = seconds - own / producers;
    return left > 0 ? (double)ops / left : 0;
}

void
engine_status(engine_t *engine, engine_status_t *out) {
    read_state(engine, out);
    uint64_t ns = out->state == ENGINE_RUNNING ? run_time(engine) : end_of_operations(engine);
    out->seconds = (double)ns / 1e9;
    out->scale = atomic_load_explicit(&engine->shared.scale, memory_order_relaxed);
    out->rate = atomic_load_explicit(&engine->shared.rate, memory_order_relaxed);
    out->executing = (double)run_sum(engine, offsetof(worker_t, executed)) / 1e9;
    out->preparing = (double)run_sum(engine, offsetof(worker_t, prepared)) / 1e9;
    out->clocking = (double)run_sum(engine, offsetof(worker_t, clocked)) / 1e9;
    out->ops = run_sum(engine, offsetof(worker_t, ops));
    out->ops_per_s = speed(engine, out->ops, out->seconds, out->preparing + out->clocking);
    out->live_bytes = run_live_bytes(engine);
    out->live_blocks = run_live_blocks(engine);
    out->failures = run_sum(engine, offsetof(worker_t, failures));
    out->capped = run_sum(engine, offsetof(worker_t, capped));
    out->handed = run_sum(engine, offsetof(worker_t, handed));
    out->checked = run_sum(engine, offsetof(worker_t, checked));
    out->errors = run_sum(engine, offsetof(worker_t, errors));
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        out->calls[kind] = run_sum(engine, offsetof(worker_t, calls.count) + kind * sizeof(counter_t));
    }
}

void
engine_timeline_size(engine_t *engine, size_t *nentries, size_t *nmarks) {
    lock_run(engine);
    *nentries = engine_lost(engine) ? 0 : engine->timeline.n;
    *nmarks = engine_lost(engine) ? 0 : engine->timeline.nmarks;
    unlock_run(engine);
}

size_t
engine_timeline(engine_t *engine, size_t from, timeline_entry_t *out, size_t n) {
    lock_run(engine);
    size_t known = engine_lost(engine) ? 0 : engine->timeline.n;
    size_t available = from < known ? known - from : 0;
    n = n < available ? n : available;
    memcpy(out, engine->timeline.entries + from, n * sizeof(*out));
    unlock_run(engine);
    return n;
}

/* Adds up the results of the workers, whose threads have ended. */
static void
merge_workers(const engine_t *engine, engine_result_t *out) {
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        const worker_t *worker = engine->shared.workers[i];
        for (size_t segment = 0; segment < plan_segments(engine->plan); segment++) {
            latency_merge(&out->latency, &worker->calls.latency[segment]);
        }
        out->hash = prng_mix(out->hash ^ worker->hash);
        out->max_lag = worker->max_lag > out->max_lag ? worker->max_lag : out->max_lag;
        if (out->fault.kind == FAULT_NONE) {
            out->fault = worker->fault;
        }
        out->problem = worker->problem[0] != '\0' ? worker->problem : out->problem;
    }
}

bool
engine_result(engine_t *engine, engine_result_t *out) {
    memset(out, 0, sizeof(*out));
    engine_status(engine, &out->total);
    if (out->total.state != ENGINE_DONE || engine_lost(engine)) {
        return false;
    }
    merge_workers(engine, out);
    out->clock_cost = engine->clock_cost;
    out->peak_rss = engine->timeline.peak_rss;
    out->base_rss = engine->base_rss;
    out->failed_sets = engine->failed_sets;
    out->stopped = !engine->ended_by_plan || out->problem != NULL;
    return true;
}

static double
segment_speed(const engine_t *engine, size_t i, const engine_segment_t *segment) {
    uint64_t own = engine->ends[i].own - (i == 0 ? 0 : engine->ends[i - 1].own);
    uint64_t ns = segment->end.time - segment->before.time;
    return speed(engine, segment->end.ops - segment->before.ops, (double)ns / 1e9, (double)own / 1e9);
}

bool
engine_segment(engine_t *engine, size_t i, engine_segment_t *out) {
    engine_status_t status;
    memset(out, 0, sizeof(*out));
    engine_status(engine, &status);
    if (status.state != ENGINE_DONE || engine_lost(engine)) {
        return false;
    }
    out->reached = i < engine->nends;
    if (out->reached) {
        out->end = engine->ends[i].entry;
        out->failures = engine->ends[i].failures - (i == 0 ? 0 : engine->ends[i - 1].failures);
    }
    if (out->reached && i > 0) {
        out->before = engine->ends[i - 1].entry;
    }
    out->ops_per_s = out->reached ? segment_speed(engine, i, out) : 0;
    for (uint32_t worker = 0; worker < engine->plan->threads; worker++) {
        latency_merge(&out->latency, &engine->shared.workers[worker]->calls.latency[i]);
    }
    return true;
}

uint64_t
engine_clock_cost(const engine_t *engine) {
    return engine->clock_cost;
}

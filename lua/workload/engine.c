/*
 * engine.c -- starts and ends runs. See engine.h for the contract, run.h for the states of a run.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

/* ---- starting ---- */

/* The engine, in a region of its own; NULL if there is no memory. Its arrays may be NULL, which prepare() checks. */
static engine_t *
engine_create(const plan_t *plan, const heap_t *heap) {
    region_t region = {0};
    engine_t *engine = region_alloc(&region, sizeof(*engine));
    if (engine == NULL) {
        return NULL;
    }
    engine->region.chunks = region.chunks;
    engine->generation = run_generation();
    engine->plan = plan;
    engine->heap = *heap;
    engine->threads = region_alloc(&engine->region, plan->threads * sizeof(*engine->threads));
    engine->shared.plan = plan;
    engine->shared.workers = region_alloc(&engine->region, plan->threads * sizeof(worker_t *));
    engine->shared.scale = plan->scale_curve == NULL ? plan->scale : 1;
    engine->shared.rate = plan->rate_curve == NULL ? plan->rate : 0;
    engine->shared.idle = run_wake;
    engine->shared.context = engine;
    engine->timeline.statm = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&engine->mutex, NULL);
    return engine;
}

/* Gets every resource but the threads. 0 or an errno value. */
static int
prepare(engine_t *engine) {
    const plan_t *plan = engine->plan;
    if (engine->threads == NULL || engine->shared.workers == NULL) {
        return ENOMEM;
    }
    engine->clock_cost = clock_cost();
    for (uint32_t i = 0; i < plan->threads; i++) {
        engine->shared.workers[i] = worker_create(&engine->shared, i, &engine->heap, engine->clock_cost);
        if (engine->shared.workers[i] == NULL) {
            return ENOMEM;
        }
        engine->shared.producing += engine->shared.workers[i]->quota != 0;
    }
    engine->timeline.apart = plan->apart;
    int error = timeline_open(&engine->timeline, &engine->heap, plan->interval);
    engine->base_rss = timeline_rss(&engine->timeline);
    return error;
}

/* Makes the workers that exist end without an operation, and joins them. */
static void
abandon(engine_t *engine, uint32_t nthreads) {
    atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    atomic_store_explicit(&engine->shared.release, true, memory_order_relaxed);
    atomic_store_explicit(&engine->shared.go, true, memory_order_release);
    for (uint32_t i = 0; i < nthreads; i++) {
        pthread_join(engine->threads[i], NULL);
    }
}

/* Creates the workers, which wait for `go`, then the conductor, which sets it. */
static int
create_threads(engine_t *engine) {
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        int error = pthread_create(&engine->threads[i], NULL, worker_main, engine->shared.workers[i]);
        if (error != 0) {
            abandon(engine, i);
            return error;
        }
    }
    engine->t0 = clock_ns();
    int error = pthread_create(&engine->conductor, NULL, run_conduct, engine);
    if (error != 0) {
        abandon(engine, engine->plan->threads);
    }
    return error;
}

/* New threads inherit the signal mask. */
static int
create_threads_without_signals(engine_t *engine) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = create_threads(engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Destroying a condition waits for its waiters. In a child of fork these never wake, so there it is left alone. */
static void
dispose_locks(engine_t *engine) {
    if (!run_inherited(engine)) {
        pthread_cond_destroy(&engine->changed);
        pthread_mutex_destroy(&engine->mutex);
    }
}

/* Call it after the threads have ended. */
static void
dispose(engine_t *engine) {
    for (uint32_t i = 0; engine->shared.workers != NULL && i < engine->plan->threads; i++) {
        if (engine->shared.workers[i] != NULL) {
            worker_destroy(engine->shared.workers[i]);
        }
    }
    timeline_close(&engine->timeline);
    dispose_locks(engine);
    region_t region = {.chunks = engine->region.chunks}; /* a copy, since the engine itself is in the region */
    region_free(&region);
}

engine_t *
engine_start(const plan_t *plan, const heap_t *heap, char *message, size_t message_size) {
    int watched = run_watch_forks();
    engine_t *engine = engine_create(plan, heap);
    int error = engine == NULL ? ENOMEM : watched != 0 ? watched : prepare(engine);
    if (error == 0) {
        error = create_threads_without_signals(engine);
    }
    if (error == 0) {
        return engine;
    }
    if (engine != NULL) {
        dispose(engine);
    }
    snprintf(message, message_size, "cannot start a workload of %u threads: %s", plan->threads, strerror(error));
    errno = error;
    return NULL;
}

/* ---- waiting and stopping ---- */

bool
engine_lost(const engine_t *engine) {
    return run_inherited(engine) && engine->state != ENGINE_DONE;
}

static struct timespec
deadline_after(uint64_t ns) {
    const uint64_t forever = (uint64_t)1 << 60;
    uint64_t time = clock_ns() + (ns < forever ? ns : forever);
    return (struct timespec){.tv_sec = (time_t)(time / 1000000000u), .tv_nsec = (long)(time % 1000000000u)};
}

bool
engine_wait(engine_t *engine, uint64_t ns) {
    struct timespec deadline = deadline_after(ns);
    int error = 0;
    if (run_inherited(engine)) {
        return true;
    }
    pthread_mutex_lock(&engine->mutex);
    while (engine->state != ENGINE_DONE && error == 0) {
        error = pthread_cond_timedwait(&engine->changed, &engine->mutex, &deadline);
    }
    bool done = engine->state == ENGINE_DONE;
    pthread_mutex_unlock(&engine->mutex);
    return done;
}

void
engine_stop(engine_t *engine) {
    if (run_inherited(engine)) {
        return;
    }
    pthread_mutex_lock(&engine->mutex);
    engine->stop_asked = true;
    atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

void
engine_destroy(engine_t *engine) {
    if (!run_inherited(engine)) {
        engine_stop(engine);
        pthread_join(engine->conductor, NULL);
    }
    dispose(engine);
}

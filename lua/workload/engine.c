/*
 * engine.c -- see engine.h.
 *
 * States, all changed by the conductor under the mutex:
 *
 *   RUNNING   workers produce, until quotas, duration or a stop; ends when shared.producing is 0
 *   FREEING   shared.release is set: workers free what they hold and end; the conductor joins them
 *   DONE      histograms and faults of workers may be read; only the conductor's own thread is left to join
 *
 * In a child of fork ("inherited") mutex and condition are left alone: they are as some thread had them that is not
 * there; so is the timeline, unless the run was over. The workers' counters and the lists of mappings are whole always.
 *
 * The mutex guards state, timeline and the fields marked (m). It is not held while a control is written or an allocator
 * is asked to do anything but count. Workers never take it in the measured loop.
 */
#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "forks.h"

struct engine {
    region_t region;     /* of this structure too */
    uint32_t generation; /* of forks, when the threads were made */
    const plan_t *plan;
    heap_t heap;
    shared_t shared;
    pthread_t *threads; /* of the workers */
    pthread_t conductor;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* by CLOCK_MONOTONIC: a stop, an idle worker, a new state */
    engine_state_t state;   /* (m) */
    bool stop_asked;        /* (m) by engine_stop() */
    bool ended_by_plan;     /* (m) by duration or quotas before that */
    timeline_t timeline;    /* (m) */
    uint64_t failed_sets;   /* (m) */
    uint64_t t0;            /* clock at the start; set before the conductor exists */
    uint64_t base_rss;
    uint64_t clock_cost;
    size_t next_phase;   /* conductor only */
    uint64_t next_entry; /* conductor only; ns from t0 */
};

/* How often live_max is checked, ns. */
static const uint64_t guard_interval = 20000000;

static const uint64_t never = UINT64_MAX;

static bool
inherited(const engine_t *engine) {
    return engine->generation != forks_generation();
}

bool
engine_lost(const engine_t *engine) {
    return inherited(engine) && engine->state != ENGINE_DONE;
}

static void
lock(engine_t *engine) {
    if (!inherited(engine)) {
        pthread_mutex_lock(&engine->mutex);
    }
}

static void
unlock(engine_t *engine) {
    if (!inherited(engine)) {
        pthread_mutex_unlock(&engine->mutex);
    }
}

static uint64_t
since_start(const engine_t *engine) {
    return clock_ns() - engine->t0;
}

static uint64_t
sum(const engine_t *engine, size_t offset) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        total += counter_get((const counter_t *)(const void *)((const char *)engine->shared.workers[i] + offset));
    }
    return total;
}

/* The counters are read one after the other: a block handed over meanwhile may be subtracted and not yet added. */
static uint64_t
live_bytes(const engine_t *engine) {
    int64_t live = (int64_t)sum(engine, offsetof(worker_t, live_bytes));
    return live < 0 ? 0 : (uint64_t)live;
}

static uint64_t
live_blocks(const engine_t *engine) {
    int64_t live = (int64_t)sum(engine, offsetof(worker_t, live_blocks));
    return live < 0 ? 0 : (uint64_t)live;
}

/* ---- timeline and changes ---- */

static uint64_t
engine_bytes(const engine_t *engine) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        bytes += counter_get(&engine->shared.workers[i]->region.used);
    }
    return bytes;
}

static void
add_entry_locked(engine_t *engine, const char *mark) {
    timeline_entry_t entry = {.time = since_start(engine),
                              .live = live_bytes(engine),
                              .ops = sum(engine, offsetof(worker_t, ops)),
                              .engine = engine_bytes(engine),
                              .mark = mark};
    timeline_add(&engine->timeline, entry);
}

static void
add_entry(engine_t *engine, const char *mark) {
    pthread_mutex_lock(&engine->mutex);
    add_entry_locked(engine, mark);
    pthread_mutex_unlock(&engine->mutex);
}

static void
change_number(engine_t *engine, const char *name, _Atomic double *where, double value) {
    char mark[64];
    if (value >= 0) {
        atomic_store_explicit(where, value, memory_order_relaxed);
        snprintf(mark, sizeof(mark), "%s = %g", name, value);
        add_entry(engine, mark);
    }
}

/* The entry comes after the write, so that its effect, if immediate, is in it. */
static int
change_setting(engine_t *engine, const plan_setting_t *setting, char *message, size_t message_size) {
    char mark[TIMELINE_MARK_SIZE];
    int error = engine->heap.set == NULL ? ENOENT : 0;
    snprintf(message, message_size, "lunalloc is not loaded");
    if (error == 0) {
        error = engine->heap.set(setting->name, setting->value, message, message_size);
    }
    if (error == 0) {
        snprintf(mark, sizeof(mark), "%s = %s", setting->name, setting->value == NULL ? "()" : setting->value);
    } else if (strstr(message, setting->name) != NULL) {
        snprintf(mark, sizeof(mark), "failed: %s", message);
    } else {
        snprintf(mark, sizeof(mark), "failed: %s: %s", setting->name, message);
    }
    add_entry(engine, mark);
    return error;
}

int
engine_change(engine_t *engine, const plan_phase_t *change, char *message, size_t message_size) {
    char ignored[TIMELINE_MARK_SIZE];
    int first = 0;
    if (inherited(engine)) {
        snprintf(message, message_size, "the workload belongs to the parent of this process");
        return ESRCH;
    }
    change_number(engine, "scale", &engine->shared.scale, change->scale);
    change_number(engine, "rate", &engine->shared.rate, change->rate);
    for (size_t i = 0; i < change->nsettings; i++) {
        int error = first == 0 ? change_setting(engine, &change->settings[i], message, message_size)
                               : change_setting(engine, &change->settings[i], ignored, sizeof(ignored));
        first = first == 0 ? error : first;
    }
    if (change->mark != NULL) {
        add_entry(engine, change->mark);
    }
    return first;
}

/* ---- the conductor ---- */

static bool
producing(const engine_t *engine) {
    return atomic_load_explicit(&engine->shared.producing, memory_order_acquire) != 0;
}

/* shared_t.idle: the conductor has something to do. */
static void
wake(void *context) {
    engine_t *engine = context;
    pthread_mutex_lock(&engine->mutex);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

static struct timespec
timespec_at(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* Until `time` (ns from the start), or until the workers are idle. */
static void
sleep_until(engine_t *engine, uint64_t time) {
    struct timespec deadline = timespec_at(engine->t0 + time);
    pthread_mutex_lock(&engine->mutex);
    if (producing(engine)) {
        pthread_cond_timedwait(&engine->changed, &engine->mutex, &deadline);
    }
    pthread_mutex_unlock(&engine->mutex);
}

static void
apply_due_phases(engine_t *engine, uint64_t now) {
    const plan_t *plan = engine->plan;
    char message[TIMELINE_MARK_SIZE];
    while (engine->next_phase < plan->nphases && plan->phases[engine->next_phase].at <= now) {
        if (engine_change(engine, &plan->phases[engine->next_phase++], message, sizeof(message)) != 0) {
            pthread_mutex_lock(&engine->mutex);
            engine->failed_sets++;
            pthread_mutex_unlock(&engine->mutex);
        }
    }
}

static void
add_due_entry(engine_t *engine) {
    pthread_mutex_lock(&engine->mutex);
    uint64_t now = since_start(engine);
    if (now >= engine->next_entry) {
        add_entry_locked(engine, NULL);
        engine->next_entry = now + engine->timeline.interval;
    }
    pthread_mutex_unlock(&engine->mutex);
}

static void
guard_live(engine_t *engine) {
    bool full = live_bytes(engine) > engine->plan->live_max;
    atomic_store_explicit(&engine->shared.full, full, memory_order_relaxed);
}

/* Stops the workers when the duration is over. */
static void
check_duration(engine_t *engine, uint64_t now) {
    if (engine->plan->duration != 0 && now >= engine->plan->duration) {
        atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    }
}

static uint64_t
min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t
next_event(const engine_t *engine) {
    const plan_t *plan = engine->plan;
    uint64_t next = min(since_start(engine) + guard_interval, engine->next_entry);
    next = min(next, plan->duration == 0 ? never : plan->duration);
    return min(next, engine->next_phase == plan->nphases ? never : plan->phases[engine->next_phase].at);
}

static void
enter(engine_t *engine, engine_state_t state) {
    pthread_mutex_lock(&engine->mutex);
    engine->state = state;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

/* The last entry with everything live, then the first with nothing. */
static void
release_workers(engine_t *engine) {
    pthread_mutex_lock(&engine->mutex);
    engine->ended_by_plan = !engine->stop_asked;
    add_entry_locked(engine, "end of operations");
    pthread_mutex_unlock(&engine->mutex);
    enter(engine, ENGINE_FREEING);
    atomic_store_explicit(&engine->shared.release, true, memory_order_release);
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        pthread_join(engine->threads[i], NULL);
        worker_shrink(engine->shared.workers[i]);
    }
    add_entry(engine, "everything freed");
}

static void *
conduct(void *arg) {
    engine_t *engine = arg;
    atomic_store_explicit(&engine->shared.go, true, memory_order_release);
    while (producing(engine)) {
        uint64_t now = since_start(engine); /* one for all, so that no phase before the end is left out */
        apply_due_phases(engine, now);
        add_due_entry(engine);
        guard_live(engine);
        check_duration(engine, now);
        sleep_until(engine, next_event(engine));
    }
    release_workers(engine);
    enter(engine, ENGINE_DONE);
    return NULL;
}

/* ---- starting ---- */

static engine_t *
engine_create(const plan_t *plan, const heap_t *heap) {
    region_t region = {0};
    engine_t *engine = region_alloc(&region, sizeof(*engine));
    if (engine == NULL) {
        return NULL;
    }
    engine->region.chunks = region.chunks;
    engine->generation = forks_generation();
    engine->plan = plan;
    engine->heap = *heap;
    engine->threads = region_alloc(&engine->region, plan->threads * sizeof(*engine->threads));
    engine->shared.plan = plan;
    engine->shared.workers = region_alloc(&engine->region, plan->threads * sizeof(worker_t *));
    engine->shared.scale = 1;
    engine->shared.rate = plan->rate;
    engine->shared.idle = wake;
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

/* Every resource but threads. 0 or an errno value. */
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
    int error = timeline_open(&engine->timeline, &engine->heap, plan->interval);
    engine->base_rss = timeline_rss(&engine->timeline);
    return error;
}

/* Lets the workers that exist run through without an operation, and joins them. */
static void
abandon(engine_t *engine, uint32_t nthreads) {
    atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    atomic_store_explicit(&engine->shared.release, true, memory_order_relaxed);
    atomic_store_explicit(&engine->shared.go, true, memory_order_release);
    for (uint32_t i = 0; i < nthreads; i++) {
        pthread_join(engine->threads[i], NULL);
    }
}

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
    int error = pthread_create(&engine->conductor, NULL, conduct, engine);
    if (error != 0) {
        abandon(engine, engine->plan->threads);
    }
    return error;
}

/* New threads inherit the mask. */
static int
create_threads_without_signals(engine_t *engine) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = create_threads(engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* A condition is not destroyed while a thread waits, and after a fork it looks so for ever. */
static void
dispose_locks(engine_t *engine) {
    if (!inherited(engine)) {
        pthread_cond_destroy(&engine->changed);
        pthread_mutex_destroy(&engine->mutex);
    }
}

/* After the threads are gone. */
static void
dispose(engine_t *engine) {
    for (uint32_t i = 0; engine->shared.workers != NULL && i < engine->plan->threads; i++) {
        if (engine->shared.workers[i] != NULL) {
            worker_destroy(engine->shared.workers[i]);
        }
    }
    timeline_close(&engine->timeline);
    dispose_locks(engine);
    region_t region = {.chunks = engine->region.chunks}; /* the engine itself goes with it */
    region_free(&region);
}

engine_t *
engine_start(const plan_t *plan, const heap_t *heap, char *message, size_t message_size) {
    int watched = forks_watch();
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

/* ---- asking ---- */

bool
engine_wait(engine_t *engine, uint64_t ns) {
    struct timespec deadline = timespec_at(clock_ns() + min(ns, (uint64_t)1 << 60));
    int error = 0;
    if (inherited(engine)) {
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
    if (inherited(engine)) {
        return;
    }
    pthread_mutex_lock(&engine->mutex);
    engine->stop_asked = true;
    atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

/* When the last worker ended its operations, ns from the start. */
static uint64_t
end_of_operations(const engine_t *engine) {
    uint64_t end = engine->t0;
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        const worker_t *worker = engine->shared.workers[i];
        end = worker->quota != 0 && worker->ended > end ? worker->ended : end;
    }
    return end - engine->t0;
}

/* The file that the timeline reads RSS from is the parent's after a fork. */
static void
read_state(engine_t *engine, engine_status_t *out) {
    if (inherited(engine)) {
        out->state = ENGINE_DONE;
        out->rss = 0;
        return;
    }
    pthread_mutex_lock(&engine->mutex);
    out->state = engine->state;
    out->rss = timeline_rss(&engine->timeline);
    pthread_mutex_unlock(&engine->mutex);
}

void
engine_status(engine_t *engine, engine_status_t *out) {
    read_state(engine, out);
    uint64_t ns = out->state == ENGINE_RUNNING ? since_start(engine) : end_of_operations(engine);
    out->seconds = (double)ns / 1e9;
    out->scale = atomic_load_explicit(&engine->shared.scale, memory_order_relaxed);
    out->rate = atomic_load_explicit(&engine->shared.rate, memory_order_relaxed);
    out->ops = sum(engine, offsetof(worker_t, ops));
    out->live_bytes = live_bytes(engine);
    out->live_blocks = live_blocks(engine);
    out->failures = sum(engine, offsetof(worker_t, failures));
    out->capped = sum(engine, offsetof(worker_t, capped));
    out->handed = sum(engine, offsetof(worker_t, handed));
    out->checked = sum(engine, offsetof(worker_t, checked));
    out->errors = sum(engine, offsetof(worker_t, errors));
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        out->calls[kind] = sum(engine, offsetof(worker_t, calls.count) + kind * sizeof(counter_t));
    }
}

void
engine_timeline_size(engine_t *engine, size_t *nentries, size_t *nmarks) {
    lock(engine);
    *nentries = engine_lost(engine) ? 0 : engine->timeline.n;
    *nmarks = engine_lost(engine) ? 0 : engine->timeline.nmarks;
    unlock(engine);
}

size_t
engine_timeline(engine_t *engine, size_t from, timeline_entry_t *out, size_t n) {
    lock(engine);
    size_t known = engine_lost(engine) ? 0 : engine->timeline.n;
    size_t available = from < known ? known - from : 0;
    n = n < available ? n : available;
    memcpy(out, engine->timeline.entries + from, n * sizeof(*out));
    unlock(engine);
    return n;
}

static void
merge_workers(const engine_t *engine, engine_result_t *out) {
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        const worker_t *worker = engine->shared.workers[i];
        for (size_t kind = 0; kind < CALL_KINDS; kind++) {
            histogram_merge(&out->latency[kind], &worker->calls.latency[kind]);
        }
        out->hash = prng_mix(out->hash ^ worker->hash);
        out->max_lag = worker->max_lag > out->max_lag ? worker->max_lag : out->max_lag;
        if (out->fault.kind == FAULT_NONE) {
            out->fault = worker->fault;
        }
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
    out->stopped = !engine->ended_by_plan;
    return true;
}

void
engine_destroy(engine_t *engine) {
    if (!inherited(engine)) {
        engine_stop(engine);
        pthread_join(engine->conductor, NULL);
    }
    dispose(engine);
}

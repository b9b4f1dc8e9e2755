/*
 * replayer.c -- a replay as the load of a workload. See workload/replayer.h.
 */
#include "workload/replayer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "replay.h"
#include "text.h"
#include "workload/prng.h"

enum {
    TICK = 2000000 /* ns between copies of the figures */
};

typedef struct {
    replayer_t facts; /* first: it is what others see */
    region_t region;  /* of this structure */
    plan_file_t plan;
} loaded_t;

static const loaded_t *
loaded_of(const worker_t *worker) {
    return (const loaded_t *)worker->plan->replayer;
}

/* ---- hashes ---- */

static uint64_t
mix(uint64_t hash, uint64_t value) {
    return prng_mix(hash ^ value);
}

static void
hash_op(replayer_t *facts, const plan_op_t *op) {
    uint64_t word;
    memcpy(&word, (const char *)op + sizeof(word), sizeof(word)); /* all that the call is */
    facts->calls_hash = mix(mix(facts->calls_hash, op->slot), word);
    facts->times_hash = mix(facts->times_hash, op->delta);
}

static void
hash_window(replayer_t *facts, const plan_window_t *window) {
    const plan_op_t *op = plan_ops(window);
    for (uint32_t i = 0; i < window->nruns; i++) {
        const plan_run_t *run = &plan_runs(window)[i];
        facts->calls_hash = mix(facts->calls_hash, (uint64_t)run->thread << 1 | run->ends);
        facts->times_hash = mix(facts->times_hash, run->time);
        for (const plan_op_t *end = op + run->nops; op < end; op++) {
            hash_op(facts, op);
        }
    }
}

/* ---- loading ---- */

static void
read_facts(loaded_t *loaded) {
    const plan_head_t *head = loaded->plan.head;
    replayer_t *facts = &loaded->facts;
    facts->threads = head->nthreads;
    facts->calls = head->facts.calls;
    facts->peak = head->facts.peak_live;
    uint64_t offset = sizeof(*head);
    const plan_window_t *window;
    while ((window = plan_next_window(&loaded->plan, &offset)) != NULL) {
        hash_window(facts, window);
    }
}

int
replayer_load(replayer_t **out, const char *path, char *message, size_t message_size) {
    region_t region = {0};
    loaded_t *loaded = region_alloc(&region, sizeof(*loaded));
    *out = NULL;
    if (loaded == NULL) {
        return ENOMEM;
    }
    loaded->region.chunks = region.chunks;
    int error = text_load(&loaded->plan, &loaded->facts.timed, path, message, message_size);
    if (error != 0) {
        replayer_free(&loaded->facts);
        return error;
    }
    read_facts(loaded);
    *out = &loaded->facts;
    return 0;
}

void
replayer_free(replayer_t *replayer) {
    if (replayer != NULL) {
        loaded_t *loaded = (loaded_t *)replayer;
        plan_file_close(&loaded->plan);
        region_t region = {.chunks = loaded->region.chunks}; /* a copy, since the structure itself is in the region */
        region_free(&region);
    }
}

/* ---- a run ---- */

static void
set(counter_t *counter, uint64_t value) {
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* replay_options_t.tick: the figures go to the worker, and a stop to the replay. */
static void
tick(void *context) {
    worker_t *worker = context;
    replay_figures_t figures;
    if (atomic_load_explicit(&worker->shared->stop, memory_order_relaxed)) {
        replay_stop(worker->replay);
    }
    replay_figures(worker->replay, &figures);
    set(&worker->ops, figures.calls);
    set(&worker->live_bytes, figures.live_bytes);
    set(&worker->live_blocks, figures.live_blocks);
    set(&worker->failures, figures.failures);
    set(&worker->checked, figures.checked);
    set(&worker->errors, figures.corrupt);
    set(&worker->executed, figures.executed);
}

bool
replayer_create(worker_t *worker, size_t nsegments) {
    const plan_t *plan = worker->plan;
    replay_options_t options = {.speed = plan->trace_speed,
                                .touch = plan->verify ? REPLAY_TOUCH_VERIFY : REPLAY_TOUCH_SHARE,
                                .share = plan->rows[0].touch,
                                .writes = plan->rows[0].writes,
                                .sample = plan->sample,
                                .interval = TICK,
                                .tick = tick,
                                .context = worker,
                                .latency = worker->calls.latency,
                                .segment = &worker->shared->segment,
                                .nsegments = (uint32_t)nsegments};
    worker->replay = replay_create(&loaded_of(worker)->plan, &worker->calls.heap, &options);
    if (worker->replay != NULL) { /* the places of blocks are the engine's memory */
        counter_add(&worker->region.used, loaded_of(worker)->plan.head->nslots * sizeof(void *));
    }
    return worker->replay != NULL;
}

void
replayer_play(worker_t *worker) {
    tick(worker); /* the run may be stopped already */
    replay_run(worker->replay);
    tick(worker);
    worker->ended = clock_ns();
}

/* Over the calls that were made, each class of sizes by itself, and over those of the trace. */
static uint64_t
hash_made(const worker_t *worker, const replay_result_t *made) {
    uint64_t hash = loaded_of(worker)->facts.calls_hash;
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        for (size_t class = 0; class < PLAN_CLASSES; class ++) {
            hash = mix(hash, made->count[kind][class]);
        }
    }
    return hash;
}

void
replayer_end(worker_t *worker) {
    replay_t *replay = worker->replay;
    replay_join(replay);
    worker->hash = hash_made(worker, replay_sums(replay));
    replay_free_rest(replay);
    tick(worker);
    const replay_result_t *made = replay_sums(replay);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        set(&worker->calls.count[kind], made->run.total.calls[kind]);
    }
    uint64_t clocked = (uint64_t)(made->run.total.clocking * 1e9), executed = counter_get(&worker->executed);
    set(&worker->clocked, clocked);
    set(&worker->executed, executed - (clocked < executed ? clocked : executed));
    set(&worker->handed, made->remote);
    worker->max_lag = made->run.max_lag;
    worker->fault = made->run.fault;
    if (made->error != 0) {
        snprintf(worker->problem, sizeof(worker->problem), "%s", made->problem);
    }
}

void
replayer_destroy(worker_t *worker) {
    if (worker->replay != NULL) {
        replay_t *replay = worker->replay;
        worker->replay = NULL;
        replay_free(replay);
    }
}

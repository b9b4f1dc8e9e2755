/*
 * worker.c -- the life of a worker's thread, and the creation of workers. See worker.h.
 */
#include "worker.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "block.h"
#include "chunk.h"
#include "operation.h"

/* ---- the thread ---- */

/* Declares that this worker hands nothing over any more. The release order makes its pushes visible to a thread that
 * reads the count as 0. */
static void
stop_producing(worker_t *worker) {
    if (worker->quota != 0 && atomic_fetch_sub_explicit(&worker->shared->producing, 1, memory_order_acq_rel) == 1) {
        worker->shared->idle(worker->shared->context);
    }
}

/* Frees every block, also those that other threads should free. Not timed, since it is no part of the workload. */
static void
free_all(worker_t *worker) {
    worker->calls.countdown = UINT32_MAX;
    block_serve_inbox(worker);
    for (uint32_t i = 0; i < worker->nrows; i++) {
        if (worker->rows[i].own_wheel) {
            block_free_list(worker, wheel_empty(worker->rows[i].wheel));
        }
        block_free_batch(worker, &worker->rows[i]);
    }
    block_free_list(worker, wheel_empty(worker->wheel));
    block_free_list(worker, worker->forever);
    worker->forever = NULL;
}

void *
worker_main(void *arg) {
    worker_t *worker = arg;
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* else the system may let it sleep 50 us longer */
    while (!atomic_load_explicit(&worker->shared->go, memory_order_acquire)) {
        clock_sleep(20000);
    }
    worker->replay != NULL ? replayer_play(worker) : operation_produce(worker);
    stop_producing(worker);
    while (!atomic_load_explicit(&worker->shared->release, memory_order_acquire)) {
        block_nap(worker, 50000);
    }
    if (worker->replay != NULL) {
        replayer_end(worker);
    }
    free_all(worker);
    return NULL;
}

/* ---- creation ---- */

/* Divides 0 .. 2^32 among the rows that this thread allocates from; the other rows get an empty interval. */
static void
divide_choice(worker_t *worker) {
    double total = 0, sum = 0;
    for (uint32_t i = 0; i < worker->nrows; i++) {
        total += plan_row_on(worker->rows[i].row, worker->index) ? worker->rows[i].row->weight : 0;
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < worker->nrows; i++) {
        bool on = plan_row_on(worker->rows[i].row, worker->index);
        sum += on ? worker->rows[i].row->weight : 0;
        worker->rows[i].upto = plan_share(sum / total);
        last = on ? i : last;
    }
    for (uint32_t i = last; i < worker->nrows; i++) {
        worker->rows[i].upto = (uint64_t)1 << 32; /* against rounding */
    }
}

/* Chooses the clock by which the blocks of the row age. False without memory for it. */
static bool
prepare_row(worker_t *worker, worker_row_t *row) {
    switch (row->row->lifetime.kind) {
    case DIST_FOREVER:
        return true;
    case DIST_FIFO:
        row->own_wheel = true;
        row->wheel = region_alloc(&worker->region, sizeof(*row->wheel));
        return row->wheel != NULL;
    default:
        row->wheel = worker->wheel;
        return true;
    }
}

/* Makes the room for bursts. False without memory. */
static bool
prepare_batch(worker_t *worker, worker_row_t *row) {
    if (row->row->batch > 1) {
        row->batch = region_alloc(&worker->region, row->row->batch * sizeof(*row->batch));
    }
    return row->row->batch <= 1 || row->batch != NULL;
}

/* What the row asks for beyond allocations and frees. */
static void
classify_row(worker_t *worker, worker_row_t *row) {
    bool sized = row->row->sized != 0 && worker->calls.heap.sized != NULL;
    row->plain = !worker->plan->verify && row->row->batch <= 1 && !sized;
    row->written = worker->plan->verify || row->row->writes > 0;
    worker->receives = worker->receives || row->row->other != 0;
}

/* False without memory for the actions, or for the replay that takes their place. */
static bool
prepare_chunk(worker_t *worker) {
    if (worker->plan->replayer != NULL) {
        return replayer_create(worker, plan_segments(worker->plan));
    } else if (worker->quota == 0) {
        return true;
    }
    worker->chunk = region_alloc(&worker->region, sizeof(*worker->chunk));
    if (worker->chunk != NULL) {
        worker->chunk->operations = 1;
    }
    return worker->chunk != NULL;
}

/* Makes the rows and wheels. False without memory for them. */
static bool
prepare(worker_t *worker) {
    const plan_t *plan = worker->plan;
    worker->nrows = (uint32_t)plan->nrows;
    worker->rows = region_alloc(&worker->region, plan->nrows * sizeof(*worker->rows));
    worker->wheel = region_alloc(&worker->region, sizeof(*worker->wheel));
    if (worker->rows == NULL || worker->wheel == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < worker->nrows; i++) {
        worker->rows[i].row = &plan->rows[i];
        if (!prepare_row(worker, &worker->rows[i]) || !prepare_batch(worker, &worker->rows[i])) {
            return false;
        }
        classify_row(worker, &worker->rows[i]);
    }
    if (worker->quota != 0) {
        divide_choice(worker);
    }
    return prepare_chunk(worker);
}

/* Memory for the durations of each segment: pages that are never written cost nothing. */
static latency_t *
map_latency(const plan_t *plan) {
    latency_t *latency =
        mmap(NULL, plan_segments(plan) * sizeof(*latency), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return latency == MAP_FAILED ? NULL : latency;
}

worker_t *
worker_create(shared_t *shared, uint32_t index, const heap_t *heap, uint64_t clock_cost) {
    /* In a mapping of its own, not in its region, which worker_shrink() frees: the counters outlive it. */
    worker_t *worker = mmap(NULL, sizeof(*worker), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (worker == MAP_FAILED) {
        return NULL;
    }
    worker->shared = shared;
    worker->plan = shared->plan;
    worker->index = index;
    worker->quota = plan_quota(shared->plan, index);
    prng_seed(&worker->prng, shared->plan->seed, index);
    ring_init(&worker->inbox);
    calls_init(&worker->calls, heap, shared->plan->sample, clock_cost, index);
    calls_measure_into(&worker->calls, map_latency(shared->plan), &shared->segment);
    if (worker->calls.latency == NULL || !prepare(worker)) {
        worker_destroy(worker);
        return NULL;
    }
    return worker;
}

void
worker_shrink(worker_t *worker) {
    worker->rows = NULL;
    worker->nrows = 0;
    worker->wheel = NULL;
    worker->chunk = NULL;
    worker->spare = NULL;
    replayer_destroy(worker);
    region_free(&worker->region);
}

void
worker_destroy(worker_t *worker) {
    worker_shrink(worker);
    if (worker->calls.latency != NULL) {
        munmap(worker->calls.latency, plan_segments(worker->plan) * sizeof(latency_t));
    }
    munmap(worker, sizeof(*worker));
}

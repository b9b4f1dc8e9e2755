/*
 * operation.c -- the loop of a worker: it prepares operations, and executes them at their pace. See operation.h.
 */
#include "operation.h"

#include "block.h"
#include "chunk.h"
#include "prepare.h"

static bool
stopped(const worker_t *worker) {
    return atomic_load_explicit(&worker->shared->stop, memory_order_relaxed);
}

/* The operation that was due at worker->due is complete. */
static void
respond(worker_t *worker, uint64_t now) {
    calls_respond(&worker->calls, (double)now > worker->due ? (uint64_t)((double)now - worker->due) : 0);
}

/* Waking up takes about this long, ns. A worker sleeps only until then, so that what is measured is the allocator's
 * lateness, not that of the system's timer. */
static const double wake_up = 30000;

/* A new rate shortens or lengthens the wait that is left, so that a pause does not outlast itself. */
static void
follow_rate(worker_t *worker, uint64_t now) {
    double rate = atomic_load_explicit(&worker->shared->rate, memory_order_relaxed);
    double left = worker->due - (double)now;
    if (rate != worker->pace && left > 0) {
        worker->due = (double)now + (rate > 0 ? left * worker->pace / rate : 0);
        worker->pace = rate;
    }
}

/*
 * Open loop: operations are due at a steady rate, also while earlier ones are not done; late ones follow at once. So
 * the load stays the same when the allocator stalls. A closed loop would lower it, and hide the stall. The response
 * time of an operation counts from the time at which it was due, so a stall also shows in the operations behind it.
 */
static void
await_turn(worker_t *worker, double rate) {
    uint64_t now = clock_ns();
    if (worker->due == 0) {
        worker->due = (double)now;
        worker->pace = rate;
    } else {
        respond(worker, now);
        worker->due += 1e9 * worker->plan->producers / rate;
        worker->pace = rate;
    }
    follow_rate(worker, now);
    while ((double)now < worker->due && !stopped(worker)) {
        double left = worker->due - (double)now;
        if (left > wake_up) {
            block_nap(worker, left > 1e6 ? 1000000 : (uint64_t)(left - wake_up));
        } else {
            block_serve_inbox(worker);
        }
        now = clock_ns();
        follow_rate(worker, now);
    }
    uint64_t lag = (double)now > worker->due ? (uint64_t)((double)now - worker->due) : 0;
    worker->max_lag = lag > worker->max_lag ? lag : worker->max_lag;
}

/* Prepares one operation, or some, at most n; returns how many. */
static uint64_t
prepare(worker_t *worker, uint64_t n) {
    if (calls_batch_due(&worker->calls)) {
        return prepare_batch(worker, n);
    }
    prepare_operation(worker);
    return 1;
}

/* Makes a chunk of operations, at most n, as fast as they can be made; returns how many. */
static uint64_t
operate_freely(worker_t *worker, uint64_t n) {
    const chunk_t *chunk = worker->chunk;
    uint64_t most = n < chunk->operations ? n : chunk->operations, done = 0;
    worker->due = 0;
    chunk_begin(worker);
    do {
        done += prepare(worker, n - done);
    } while (done < most && chunk->bytes < CHUNK_BYTES);
    chunk_run(worker);
    return done;
}

/* Makes the operation that is due next. */
static uint64_t
operate_in_turn(worker_t *worker, double rate) {
    await_turn(worker, rate);
    if (stopped(worker)) {
        worker->due = 0;
    } else {
        chunk_pause(worker);
        prepare_operation(worker);
        chunk_run(worker);
    }
    return 1;
}

void
operation_produce(worker_t *worker) {
    uint64_t left = worker->quota;
    while (left > 0 && !stopped(worker)) {
        double rate = atomic_load_explicit(&worker->shared->rate, memory_order_relaxed);
        left -= rate > 0 ? operate_in_turn(worker, rate) : operate_freely(worker, left);
    }
    worker->ended = clock_ns();
    if (worker->due != 0) {
        respond(worker, worker->ended);
    }
}

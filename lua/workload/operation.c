/*
 * operation.c -- the measured loop. An operation has these steps, in this order:
 *
 *   draw row, size, lifetime, traits -> allocate -> write contents -> clocks tick: blocks that are due are resized,
 *   freed, or handed to another thread -> the new block starts to age -> free what other threads handed over
 *
 * Now and then the allocations of some operations are made in a row, before the other steps of each, so that they can
 * be timed together (calls.h).
 *
 * Each operation draws the same number of random numbers, whatever its outcome. So the sequence of requests depends on
 * seed and plan alone, not on time or on what the allocator answers.
 */
#include "operation.h"

#include "block.h"

/* Beyond any run's length, and far enough from the end of 64 bits for sums. */
static const uint64_t max_life = (uint64_t)1 << 60;

/* The random numbers of one operation. */
typedef struct {
    uint64_t choice, size, lifetime, traits;
} draws_t;

/* The random number of a cell of a joint distribution. */
static uint64_t
cell_of(const draws_t *draws) {
    return prng_mix(draws->choice);
}

/* ---- ageing ---- */

/* Puts the block into the wheel until its next resize, or its end. Resizes are spread evenly over its life, at most one
 * per operation. */
static void
schedule(wheel_t *wheel, block_t *block) {
    block->when = block->death;
    if (block->resizes != 0) {
        uint64_t gap = (block->death - wheel->now) / (block->resizes + 1u);
        block->when = wheel->now + (gap == 0 ? 1 : gap);
    }
    wheel_add(wheel, block);
}

/* The block is due: its life ends, or it is resized and put back into the wheel. */
static void
event(worker_t *worker, wheel_t *wheel, block_t *block) {
    if (block->when >= block->death) {
        block_end(worker, block);
        return;
    }
    block_resize(worker, block);
    block->resizes--;
    schedule(wheel, block);
}

/* Advances the wheel by one and serves the blocks that are due. */
static void
tick(worker_t *worker, wheel_t *wheel) {
    block_t *block = wheel_tick(wheel);
    while (block != NULL) {
        block_t *next = block->next;
        event(worker, wheel, block);
        block = next;
    }
}

/* A lifetime in operations, multiplied by the present scale. */
static uint64_t
scaled_lifetime(worker_t *worker, const dist_t *lifetime, uint64_t random) {
    if (lifetime->kind == DIST_FOREVER) { /* a cell of a joint distribution */
        return max_life;
    }
    uint64_t life = dist_draw(lifetime, random);
    double scale = atomic_load_explicit(&worker->shared->scale, memory_order_relaxed);
    double scaled = (double)life * scale;
    return scaled < (double)max_life ? (uint64_t)scaled : max_life;
}

/* Gives the new block its lifetime: 0 ends it at once. */
static void
start_ageing(worker_t *worker, const worker_row_t *row, block_t *block, const draws_t *draws) {
    if (atomic_load_explicit(&worker->shared->full, memory_order_relaxed)) {
        counter_add(&worker->capped, 1);
        block_end_now(worker, block);
    } else if (row->wheel == NULL) {
        block->next = worker->forever;
        worker->forever = block;
    } else {
        uint64_t life = scaled_lifetime(worker, plan_row_lifetime(row->row, cell_of(draws)), draws->lifetime);
        block->death = row->wheel->now + life;
        if (life == 0) {
            block_end(worker, block);
        } else {
            schedule(row->wheel, block);
        }
    }
}

/* ---- an operation ---- */

/* Always four numbers, in this order. */
static void
draw(worker_t *worker, draws_t *draws) {
    prng_t prng = worker->prng; /* in registers: else each number waits for the stores of the one before */
    draws->choice = prng_next(&prng);
    draws->size = prng_next(&prng);
    draws->lifetime = prng_next(&prng);
    draws->traits = prng_next(&prng);
    worker->prng = prng;
}

/* The row whose interval has the number. */
static uint32_t
choose_row(const worker_t *worker, uint32_t random) {
    uint32_t i = 0;
    while (random >= worker->rows[i].upto) {
        i++;
    }
    return i;
}

/* The index of the thread that will free the block. */
static uint16_t
choose_freer(const worker_t *worker, const plan_row_t *row, uint64_t traits) {
    if ((uint32_t)traits >= row->other) {
        return (uint16_t)worker->index;
    }
    if (row->freer != PLAN_ANY_OTHER) {
        return (uint16_t)row->freer;
    }
    uint64_t other = prng_below(prng_mix(traits), worker->plan->threads - 1);
    return (uint16_t)(other + (other >= worker->index));
}

/* The size of the request: aligned_alloc takes multiples of the alignment only. */
static size_t
request_size(const plan_row_t *row, const draws_t *draws) {
    size_t size = dist_draw(plan_row_size(row, cell_of(draws)), draws->size);
    return row->align == 0 ? size : (size + row->align - 1) & ~(row->align - 1);
}

/* What an operation asks for, before it gets it. */
typedef struct {
    draws_t draws;
    uint32_t row;
    size_t size;
    bool zeroed;
} request_t;

/* Written in place: a copy of what was just stored would wait for the stores. */
static void
next_request(worker_t *worker, request_t *request) {
    draw(worker, &request->draws);
    request->row = choose_row(worker, (uint32_t)(request->draws.choice >> 32));
    const plan_row_t *row = &worker->plan->rows[request->row];
    request->size = request_size(row, &request->draws);
    request->zeroed = (uint32_t)request->draws.choice < row->zeroed;
    worker->hash = prng_mix(worker->hash ^ request->size);
}

static void *
allocate(worker_t *worker, const request_t *request) {
    const plan_row_t *row = &worker->plan->rows[request->row];
    if (row->align != 0) {
        return calls_aligned(&worker->calls, row->align, request->size);
    }
    return request->zeroed ? calls_calloc(&worker->calls, request->size) : calls_malloc(&worker->calls, request->size);
}

/* Describes and writes the new block `ptr`. NULL if the engine has no memory for that; the block is freed then. */
static block_t *
make_block(worker_t *worker, const request_t *request, void *ptr) {
    const plan_row_t *row = &worker->plan->rows[request->row];
    uint64_t traits = request->draws.traits;
    block_t *block = block_new(worker);
    if (block == NULL) {
        calls_free(&worker->calls, ptr);
        return NULL;
    }
    block->ptr = ptr;
    block->size = request->size;
    block->id = (uint64_t)worker->index << 48 | counter_get(&worker->ops);
    block->row = request->row;
    block->freer = choose_freer(worker, row, traits);
    block->resizes = (uint32_t)(traits >> 32) < row->resized ? (uint16_t)row->resizes : 0;
    counter_add(&worker->live_bytes, request->size);
    counter_add(&worker->live_blocks, 1);
    block_write(worker, block, request->zeroed);
    return block;
}

/* The steps after the allocation, in the order that the head of this file gives. ptr: the block, or NULL. */
static void
complete(worker_t *worker, const request_t *request, void *ptr) {
    const worker_row_t *row = &worker->rows[request->row];
    block_t *block = ptr == NULL ? NULL : make_block(worker, request, ptr);
    if (block == NULL) {
        counter_add(&worker->failures, 1);
    }
    tick(worker, worker->wheel);
    if (row->own_wheel) {
        tick(worker, row->wheel);
    }
    if (block != NULL) {
        start_ageing(worker, row, block, &request->draws);
    }
    block_serve_inbox(worker);
    counter_add(&worker->ops, 1);
}

static void
operate(worker_t *worker) {
    request_t request;
    next_request(worker, &request);
    complete(worker, &request, allocate(worker, &request));
}

/* ---- batches of operations ---- */

/* Blocks of a batch all live at once for a moment: large ones would raise the peak. */
static const size_t batch_largest = 8192;

static call_t
kind_of(const worker_t *worker, const request_t *request) {
    return worker->plan->rows[request->row].align != 0 ? CALL_ALIGNED : request->zeroed ? CALL_CALLOC : CALL_MALLOC;
}

/* The requests of operations whose allocations can be made in a row. */
typedef struct {
    request_t requests[CALLS_BATCH];
    size_t sizes[CALLS_BATCH];
    void *pointers[CALLS_BATCH];
    size_t n;      /* requests */
    size_t nbatch; /* the first ones, of one kind; n, or n - 1 */
} batch_t;

static bool
fits_batch(const worker_t *worker, const batch_t *batch, const request_t *request) {
    call_t kind = kind_of(worker, request);
    return request->size <= batch_largest && kind != CALL_ALIGNED && kind == kind_of(worker, &batch->requests[0]);
}

/* Draws requests until there are `most`, or until one does not fit. */
static void
gather(worker_t *worker, batch_t *batch, size_t most) {
    batch->n = batch->nbatch = 0;
    while (batch->n < most && batch->nbatch == batch->n) {
        request_t *request = &batch->requests[batch->n];
        next_request(worker, request);
        batch->sizes[batch->n++] = request->size;
        batch->nbatch += fits_batch(worker, batch, request);
    }
}

/* Makes at least one and up to `most` operations, whose allocations come first, in a row; returns how many. */
static size_t
operate_batch(worker_t *worker, uint64_t most) {
    batch_t batch;
    gather(worker, &batch, most < CALLS_BATCH ? most : CALLS_BATCH);
    if (batch.nbatch > 0) {
        call_t kind = kind_of(worker, &batch.requests[0]);
        calls_allocate_batch(&worker->calls, kind, batch.sizes, batch.pointers, batch.nbatch);
    }
    calls_defer_frees(&worker->calls);
    for (size_t i = 0; i < batch.n; i++) {
        const request_t *request = &batch.requests[i];
        complete(worker, request, i < batch.nbatch ? batch.pointers[i] : allocate(worker, request));
    }
    calls_free_batch(&worker->calls);
    calls_next_batch(&worker->calls);
    return batch.n;
}

/* ---- the loop ---- */

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

/* Makes at least one operation and at most n, as fast as they can be made; returns how many. */
static uint64_t
operate_freely(worker_t *worker, uint64_t n) {
    worker->due = 0;
    if (calls_batch_due(&worker->calls)) {
        return operate_batch(worker, n);
    }
    operate(worker);
    return 1;
}

/* Makes the operation that is due next. */
static uint64_t
operate_in_turn(worker_t *worker, double rate) {
    await_turn(worker, rate);
    if (stopped(worker)) {
        worker->due = 0;
    } else {
        operate(worker);
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

/*
 * prepare.c -- see prepare.h. An operation has these steps, in this order:
 *
 *   draw row, size, lifetime, traits -> allocate -> write contents -> clocks tick: blocks that are due are resized,
 *   freed, or handed to another thread -> the new block starts to age -> free what other threads handed over
 *
 * Now and then the allocations of some operations are made in a row, before the other steps of each, so that they can
 * be timed together (calls.h).
 */
#include "prepare.h"

#include "block.h"
#include "chunk.h"

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

/* The end of the block's life. Frees in a batch of operations are deferred, which block_end() knows about. */
static void
end(worker_t *worker, block_t *block) {
    if (worker->rows[block->row].plain && block->freer == worker->index && !worker->batching) {
        chunk_add_call(worker, ACTION_FREE, block, 0);
    } else {
        chunk_add(worker, ACTION_END, block, 0);
    }
}

/* The block is due: its life ends, or it is resized and put back into the wheel. */
static void
event(worker_t *worker, wheel_t *wheel, block_t *block) {
    if (block->when >= block->death) {
        end(worker, block);
        return;
    }
    chunk_add(worker, ACTION_RESIZE, block, block->resizes);
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
        chunk_add(worker, ACTION_CAP, block, 0);
    } else if (row->wheel == NULL) {
        chunk_add(worker, ACTION_KEEP, block, 0);
    } else {
        uint64_t life = scaled_lifetime(worker, plan_row_lifetime(row->row, cell_of(draws)), draws->lifetime);
        block->death = row->wheel->now + life;
        if (life == 0) {
            end(worker, block);
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
    worker->chunk->bytes += request->size;
    worker->hash = prng_mix(worker->hash ^ request->size);
}

static call_t
kind_of(const worker_t *worker, const request_t *request) {
    return worker->plan->rows[request->row].align != 0 ? CALL_ALIGNED : request->zeroed ? CALL_CALLOC : CALL_MALLOC;
}

/* Describes the block of the request; it is not allocated yet. NULL, and a failure, if the engine has no memory. */
static block_t *
make_block(worker_t *worker, const request_t *request, uint64_t operation) {
    const plan_row_t *row = &worker->plan->rows[request->row];
    uint64_t traits = request->draws.traits;
    block_t *block = block_new(worker);
    if (block == NULL) {
        counter_add(&worker->failures, 1);
        return NULL;
    }
    block->ptr = NULL;
    block->size = request->size;
    block->id = (uint64_t)worker->index << 48 | operation;
    block->row = request->row;
    block->freer = choose_freer(worker, row, traits);
    block->resizes = (uint32_t)(traits >> 32) < row->resized ? (uint16_t)row->resizes : 0;
    return block;
}

/* Describes the block and adds its allocation. */
static block_t *
allocate(worker_t *worker, const request_t *request) {
    block_t *block = make_block(worker, request, worker->noperations);
    if (block != NULL) {
        chunk_add_call(worker, (action_kind_t)kind_of(worker, request), block, request->size);
    }
    return block;
}

/* The steps after the allocation, in the order that the head of this file gives. block: or NULL. */
static void
complete(worker_t *worker, const request_t *request, block_t *block) {
    const worker_row_t *row = &worker->rows[request->row];
    if (block != NULL && row->written) {
        chunk_add(worker, ACTION_WRITE, block, request->zeroed);
    }
    tick(worker, worker->wheel);
    if (row->own_wheel) {
        tick(worker, row->wheel);
    }
    if (block != NULL) {
        start_ageing(worker, row, block, &request->draws);
    }
    if (worker->receives) {
        chunk_add(worker, ACTION_SERVE, NULL, 0);
    }
    worker->noperations++;
    worker->chunk->done++;
}

void
prepare_operation(worker_t *worker) {
    request_t request;
    next_request(worker, &request);
    complete(worker, &request, allocate(worker, &request));
}

/* ---- batches of operations ---- */

/* Blocks of a batch all live at once for a moment: large ones would raise the peak. */
static const size_t batch_largest = 8192;

/* The requests of operations whose allocations can be made in a row. */
typedef struct {
    request_t requests[CALLS_BATCH];
    block_t *blocks[CALLS_BATCH];
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
        batch->n++;
        batch->nbatch += fits_batch(worker, batch, request);
    }
}

/* Adds the allocations that are made in a row, behind an action with their number. */
static void
allocate_batch(worker_t *worker, batch_t *batch) {
    uint64_t n = 0;
    for (size_t i = 0; i < batch->nbatch; i++) {
        batch->blocks[i] = make_block(worker, &batch->requests[i], worker->noperations + i);
        n += batch->blocks[i] != NULL;
    }
    if (n == 0) {
        return;
    }
    chunk_reserve(worker, CALLS_BATCH + 1);
    chunk_add(worker, ACTION_BATCH, NULL, n << 8 | kind_of(worker, &batch->requests[0]));
    for (size_t i = 0; i < batch->nbatch; i++) {
        if (batch->blocks[i] != NULL) {
            chunk_add(worker, ACTION_BATCHED, batch->blocks[i], batch->requests[i].size);
        }
    }
}

uint64_t
prepare_batch(worker_t *worker, uint64_t most) {
    batch_t batch;
    gather(worker, &batch, most < CALLS_BATCH ? most : CALLS_BATCH);
    allocate_batch(worker, &batch);
    chunk_add(worker, ACTION_DEFER, NULL, true);
    worker->batching = true;
    for (size_t i = 0; i < batch.n; i++) {
        const request_t *request = &batch.requests[i];
        complete(worker, request, i < batch.nbatch ? batch.blocks[i] : allocate(worker, request));
    }
    worker->batching = false;
    chunk_add(worker, ACTION_DEFER, NULL, false);
    calls_next_batch(&worker->calls);
    return batch.n;
}

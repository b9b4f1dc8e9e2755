/*
 * operation.c -- the measured loop. An operation has these steps, in this order:
 *
 *   draw row, size, lifetime, traits -> allocate -> write contents -> clocks tick: blocks that are due are resized,
 *   freed, or handed to another thread -> the new block starts to age -> free what other threads handed over
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
    uint64_t cell; /* of a joint distribution; derived from `choice` */
} draws_t;

/* ---- ageing ---- */

/* Puts the block into the wheel until its next resize, or its end. Resizes are spread evenly over its life, at most one
 * per operation. */
static void
schedule(wheel_t *wheel, block_t *block) {
    uint64_t gap = (block->death - wheel->now) / (block->resizes + 1u);
    block->when = wheel->now + (gap == 0 ? 1 : gap);
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
        uint64_t life = scaled_lifetime(worker, plan_row_lifetime(row->row, draws->cell), draws->lifetime);
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
static draws_t
draw(worker_t *worker) {
    draws_t draws;
    draws.choice = prng_next(&worker->prng);
    draws.size = prng_next(&worker->prng);
    draws.lifetime = prng_next(&worker->prng);
    draws.traits = prng_next(&worker->prng);
    draws.cell = prng_mix(draws.choice);
    return draws;
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
    size_t size = dist_draw(plan_row_size(row, draws->cell), draws->size);
    return row->align == 0 ? size : (size + row->align - 1) & ~(row->align - 1);
}

static void *
allocate(worker_t *worker, const plan_row_t *row, size_t size, bool zeroed) {
    if (row->align != 0) {
        return calls_aligned(&worker->calls, row->align, size);
    }
    return zeroed ? calls_calloc(&worker->calls, size) : calls_malloc(&worker->calls, size);
}

/* A new block with its contents; NULL if the allocator or the engine has no memory. */
static block_t *
make_block(worker_t *worker, uint32_t row_index, const draws_t *draws) {
    const plan_row_t *row = &worker->plan->rows[row_index];
    size_t size = request_size(row, draws);
    bool zeroed = (uint32_t)draws->choice < row->zeroed;
    worker->hash = prng_mix(worker->hash ^ size);
    block_t *block = block_new(worker);
    void *ptr = block == NULL ? NULL : allocate(worker, row, size, zeroed);
    if (ptr == NULL) {
        counter_add(&worker->failures, 1);
        if (block != NULL) {
            block_recycle(worker, block);
        }
        return NULL;
    }
    block->ptr = ptr;
    block->size = size;
    block->id = (uint64_t)worker->index << 48 | counter_get(&worker->ops);
    block->row = row_index;
    block->freer = choose_freer(worker, row, draws->traits);
    block->resizes = (uint32_t)(draws->traits >> 32) < row->resized ? (uint16_t)row->resizes : 0;
    counter_add(&worker->live_bytes, size);
    counter_add(&worker->live_blocks, 1);
    block_write(worker, block, zeroed);
    return block;
}

/* The order of the steps is that at the head of this file. */
static void
operate(worker_t *worker) {
    draws_t draws = draw(worker);
    uint32_t row_index = choose_row(worker, (uint32_t)(draws.choice >> 32));
    const worker_row_t *row = &worker->rows[row_index];
    block_t *block = make_block(worker, row_index, &draws);
    tick(worker, worker->wheel);
    if (row->own_wheel) {
        tick(worker, row->wheel);
    }
    if (block != NULL) {
        start_ageing(worker, row, block, &draws);
    }
    block_serve_inbox(worker);
    counter_add(&worker->ops, 1);
}

/* ---- the loop ---- */

static bool
stopped(const worker_t *worker) {
    return atomic_load_explicit(&worker->shared->stop, memory_order_relaxed);
}

/*
 * Open loop: operations are due at a steady rate, also while earlier ones are not done; late ones follow at once. So
 * the load stays the same when the allocator stalls. A closed loop would lower it, and hide the stall.
 */
static void
await_turn(worker_t *worker, double rate) {
    uint64_t now = clock_ns();
    if (worker->due == 0) {
        worker->due = (double)now;
    }
    while ((double)now < worker->due && !stopped(worker)) {
        double left = worker->due - (double)now;
        block_nap(worker, left > 1e6 ? 1000000 : (uint64_t)left);
        now = clock_ns();
    }
    uint64_t lag = (double)now > worker->due ? (uint64_t)((double)now - worker->due) : 0;
    worker->max_lag = lag > worker->max_lag ? lag : worker->max_lag;
    worker->due += 1e9 * worker->plan->producers / rate;
}

void
operation_produce(worker_t *worker) {
    for (uint64_t i = 0; i < worker->quota && !stopped(worker); i++) {
        double rate = atomic_load_explicit(&worker->shared->rate, memory_order_relaxed);
        if (rate > 0) {
            await_turn(worker, rate);
        } else {
            worker->due = 0;
        }
        operate(worker);
    }
    worker->ended = clock_ns();
}

/*
 * worker.c -- see worker.h. The order of an operation:
 *
 *   draw row, size, lifetime, traits -> allocate -> write contents -> clocks tick: blocks that are due are resized,
 *   freed, or handed to another thread -> the new block starts to age -> free what others handed in
 *
 * Random numbers are drawn in a fixed number per operation and whatever the outcome, so that the sequence of requests
 * depends on seed and plan only, not on time or on what the allocator answers.
 */
#include "worker.h"

#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

/* Beyond any run's length, and far enough from the end of 64 bits for sums. */
static const uint64_t max_life = (uint64_t)1 << 60;

/* ---- descriptions of blocks ---- */

static block_t *
block_new(worker_t *worker) {
    block_t *block = worker->spare;
    if (block == NULL) {
        return region_alloc(&worker->region, sizeof(*block));
    }
    worker->spare = block->next;
    return block;
}

static void
block_recycle(worker_t *worker, block_t *block) {
    block->next = worker->spare;
    worker->spare = block;
}

/* ---- contents ---- */

static void
report(worker_t *worker, fault_kind_t kind, const parcel_t *block, size_t offset, uint8_t expected, uint8_t found) {
    counter_add(&worker->errors, 1);
    if (worker->fault.kind == FAULT_NONE) {
        worker->fault = (fault_t){.kind = kind,
                                  .row = block->row,
                                  .thread = (uint32_t)(block->id >> 48),
                                  .ptr = block->ptr,
                                  .size = block->size,
                                  .offset = offset,
                                  .expected = expected,
                                  .found = found};
    }
}

static pattern_span_t
span_of(const worker_t *worker, const parcel_t *block) {
    return pattern_span(block->size, worker->plan->rows[block->row].touch, worker->plan->verify);
}

static void
check_contents(worker_t *worker, fault_kind_t kind, const parcel_t *block, pattern_span_t span, uint64_t key) {
    uint8_t expected = 0;
    size_t bad = pattern_check(block->ptr, span, key, &expected);
    counter_add(&worker->checked, 1);
    if (bad != PATTERN_OK) {
        report(worker, kind, block, bad, expected, ((const uint8_t *)block->ptr)[bad]);
    }
}

/* What C asks of an allocation: alignment for every object that fits, so the largest power of two up to 16. */
static size_t
alignment_due(const plan_row_t *row, size_t size) {
    if (row->align != 0 || size == 0) {
        return row->align != 0 ? row->align : 1;
    }
    return size >= 16 ? 16 : (size_t)1 << (63 - __builtin_clzll(size));
}

static void
check_fresh(worker_t *worker, const parcel_t *block, bool zeroed) {
    size_t due = alignment_due(&worker->plan->rows[block->row], block->size);
    if ((uintptr_t)block->ptr % due != 0) {
        report(worker, FAULT_ALIGNMENT, block, due, 0, 0);
    }
    size_t bad = zeroed ? pattern_check_zero(block->ptr, block->size) : PATTERN_OK;
    if (bad != PATTERN_OK) {
        report(worker, FAULT_NOT_ZERO, block, bad, 0, ((const uint8_t *)block->ptr)[bad]);
    }
}

/* Writes the block as often as the row says; with verification, at least once, and last what can be checked later. */
static void
write_contents(worker_t *worker, const parcel_t *block) {
    pattern_span_t span = span_of(worker, block);
    uint32_t writes = worker->plan->rows[block->row].writes;
    for (uint32_t i = 1; i < writes; i++) {
        memset(block->ptr, (int)i, span.head);
        __asm__ volatile("" ::"r"(block->ptr) : "memory"); /* each write is seen by somebody */
    }
    if (worker->plan->verify) {
        pattern_fill(block->ptr, span, pattern_key(block->ptr, block->id));
    } else if (writes > 0) {
        memset(block->ptr, (int)writes, span.head);
    }
}

/* ---- freeing ---- */

static parcel_t
parcel_of(const block_t *block) {
    return (parcel_t){.ptr = block->ptr, .size = block->size, .id = block->id, .row = block->row};
}

static void
free_parcel(worker_t *worker, const parcel_t *block) {
    if (worker->plan->verify) {
        check_contents(worker, FAULT_CONTENTS, block, span_of(worker, block), pattern_key(block->ptr, block->id));
    }
    calls_free(&worker->calls, block->ptr);
    counter_add(&worker->live_bytes, -(uint64_t)block->size);
    counter_add(&worker->live_blocks, -(uint64_t)1);
}

/* Frees what others handed in; false if there was nothing. */
static bool
serve_inbox(worker_t *worker) {
    parcel_t parcel;
    bool any = false;
    while (ring_pop(&worker->inbox, &parcel)) {
        free_parcel(worker, &parcel);
        any = true;
    }
    return any;
}

/*
 * A full inbox makes the sender wait, as a real queue would. It serves its own meanwhile, so two threads that fill each
 * other's cannot wait forever; and no worker ends while another is still producing.
 */
static void
hand_over(worker_t *worker, const block_t *block) {
    parcel_t parcel = parcel_of(block);
    ring_t *inbox = &worker->shared->workers[block->freer]->inbox;
    while (!ring_push(inbox, &parcel)) {
        if (!serve_inbox(worker)) {
            sched_yield();
        }
    }
    counter_add(&worker->handed, 1);
}

static void
end_of_life(worker_t *worker, block_t *block) {
    if (block->freer != worker->index) {
        hand_over(worker, block);
    } else {
        parcel_t parcel = parcel_of(block);
        free_parcel(worker, &parcel);
    }
    block_recycle(worker, block);
}

/* ---- resizing ---- */

static size_t
next_size(const plan_row_t *row, const block_t *block) {
    if (row->grow == 0) { /* derived from the block, not from the worker's sequence: see the head of the file */
        return dist_draw(&row->size, prng_mix(block->id ^ ((uint64_t)block->resizes << 40)));
    }
    double size = ceil((double)block->size * row->grow);
    return size < 1 ? 1 : size > (double)DIST_MAX_SIZE ? DIST_MAX_SIZE : (size_t)size;
}

/* After a realloc: what was written must have moved along. Then the whole is written anew, as at first. */
static void
rewrite(worker_t *worker, const parcel_t *old, const block_t *block) {
    parcel_t fresh = parcel_of(block);
    if (worker->plan->verify) {
        pattern_span_t kept = pattern_cut(span_of(worker, old), fresh.size);
        check_contents(worker, FAULT_REALLOC, &fresh, kept, pattern_key(old->ptr, old->id));
        check_fresh(worker, &fresh, false);
    }
    write_contents(worker, &fresh);
}

static void
resize(worker_t *worker, block_t *block) {
    parcel_t old = parcel_of(block);
    if (worker->plan->verify) {
        check_contents(worker, FAULT_CONTENTS, &old, span_of(worker, &old), pattern_key(old.ptr, old.id));
    }
    size_t size = next_size(&worker->plan->rows[block->row], block);
    void *ptr = calls_realloc(&worker->calls, block->ptr, size);
    if (ptr == NULL) {
        counter_add(&worker->failures, 1);
        return;
    }
    counter_add(&worker->live_bytes, (uint64_t)size - block->size);
    block->ptr = ptr;
    block->size = size;
    rewrite(worker, &old, block);
}

/* ---- ageing ---- */

/* Hangs the block up until its next resize, or its end. Resizes are spread evenly, at most one per operation. */
static void
schedule(wheel_t *wheel, block_t *block) {
    uint64_t gap = (block->death - wheel->now) / (block->resizes + 1u);
    block->when = wheel->now + (gap == 0 ? 1 : gap);
    wheel_add(wheel, block);
}

static void
event(worker_t *worker, wheel_t *wheel, block_t *block) {
    if (block->when >= block->death) {
        end_of_life(worker, block);
        return;
    }
    resize(worker, block);
    block->resizes--;
    schedule(wheel, block);
}

static void
tick(worker_t *worker, wheel_t *wheel) {
    block_t *block = wheel_tick(wheel);
    while (block != NULL) {
        block_t *next = block->next;
        event(worker, wheel, block);
        block = next;
    }
}

static uint64_t
scaled_lifetime(worker_t *worker, const dist_t *lifetime, uint64_t random) {
    uint64_t life = dist_draw(lifetime, random);
    double scale = atomic_load_explicit(&worker->shared->scale, memory_order_relaxed);
    double scaled = (double)life * scale;
    return scaled < (double)max_life ? (uint64_t)scaled : max_life;
}

/* Gives the new block its lifetime. */
static void
start_ageing(worker_t *worker, const worker_row_t *row, block_t *block, uint64_t random) {
    if (atomic_load_explicit(&worker->shared->full, memory_order_relaxed)) {
        counter_add(&worker->capped, 1);
        end_of_life(worker, block);
    } else if (row->wheel == NULL) {
        block->next = worker->forever;
        worker->forever = block;
    } else {
        uint64_t life = scaled_lifetime(worker, &row->row->lifetime, random);
        block->death = row->wheel->now + life;
        if (life == 0) {
            end_of_life(worker, block);
        } else {
            schedule(row->wheel, block);
        }
    }
}

/* ---- an operation ---- */

/* The random numbers of one operation. */
typedef struct {
    uint64_t choice, size, lifetime, traits;
} draws_t;

static draws_t
draw(worker_t *worker) {
    draws_t draws;
    draws.choice = prng_next(&worker->prng);
    draws.size = prng_next(&worker->prng);
    draws.lifetime = prng_next(&worker->prng);
    draws.traits = prng_next(&worker->prng);
    return draws;
}

static uint32_t
choose_row(const worker_t *worker, uint32_t random) {
    uint32_t i = 0;
    while (random >= worker->rows[i].upto) {
        i++;
    }
    return i;
}

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

static size_t
request_size(const plan_row_t *row, uint64_t random) {
    size_t size = dist_draw(&row->size, random);
    return row->align == 0 ? size : (size + row->align - 1) & ~(row->align - 1);
}

static void *
allocate(worker_t *worker, const plan_row_t *row, size_t size, bool zeroed) {
    if (row->align != 0) {
        return calls_aligned(&worker->calls, row->align, size);
    }
    return zeroed ? calls_calloc(&worker->calls, size) : calls_malloc(&worker->calls, size);
}

/* The new block, with its contents; NULL if the allocator, or the engine, has no memory. */
static block_t *
make_block(worker_t *worker, uint32_t row_index, const draws_t *draws) {
    const plan_row_t *row = &worker->plan->rows[row_index];
    size_t size = request_size(row, draws->size);
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
    parcel_t parcel = parcel_of(block);
    if (worker->plan->verify) {
        check_fresh(worker, &parcel, zeroed);
    }
    write_contents(worker, &parcel);
    return block;
}

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
        start_ageing(worker, row, block, draws.lifetime);
    }
    serve_inbox(worker);
    counter_add(&worker->ops, 1);
}

/* ---- the loop ---- */

static bool
stopped(const worker_t *worker) {
    return atomic_load_explicit(&worker->shared->stop, memory_order_relaxed);
}

/* A short wait in which other threads' blocks are not left lying. */
static void
nap(worker_t *worker, uint64_t ns) {
    if (!serve_inbox(worker)) {
        clock_sleep(ns);
    }
}

/*
 * Open loop: operations fall due at a steady rate whether or not the ones before are done; what is late is made up for.
 * That keeps the load honest when the allocator stalls: a closed loop would just ask for less.
 */
static void
await_turn(worker_t *worker, double rate) {
    uint64_t now = clock_ns();
    if (worker->due == 0) {
        worker->due = (double)now;
    }
    while ((double)now < worker->due && !stopped(worker)) {
        double left = worker->due - (double)now;
        nap(worker, left > 1e6 ? 1000000 : (uint64_t)left);
        now = clock_ns();
    }
    uint64_t lag = (double)now > worker->due ? (uint64_t)((double)now - worker->due) : 0;
    worker->max_lag = lag > worker->max_lag ? lag : worker->max_lag;
    worker->due += 1e9 * worker->plan->producers / rate;
}

static void
produce(worker_t *worker) {
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

/* Says that this worker sends nothing more. The release makes what it sent visible to whoever sees the count at 0. */
static void
stop_producing(worker_t *worker) {
    if (worker->quota != 0 && atomic_fetch_sub_explicit(&worker->shared->producing, 1, memory_order_acq_rel) == 1) {
        worker->shared->idle(worker->shared->context);
    }
}

static void
free_list(worker_t *worker, block_t *block) {
    for (; block != NULL; block = block->next) {
        parcel_t parcel = parcel_of(block);
        free_parcel(worker, &parcel);
    }
}

/* Frees every block, whoever should have. Not timed: it is no part of the workload. */
static void
free_all(worker_t *worker) {
    worker->calls.countdown = UINT32_MAX;
    serve_inbox(worker);
    for (uint32_t i = 0; i < worker->nrows; i++) {
        if (worker->rows[i].own_wheel) {
            free_list(worker, wheel_empty(worker->rows[i].wheel));
        }
    }
    free_list(worker, wheel_empty(worker->wheel));
    free_list(worker, worker->forever);
    worker->forever = NULL;
}

void *
worker_main(void *arg) {
    worker_t *worker = arg;
    while (!atomic_load_explicit(&worker->shared->go, memory_order_acquire)) {
        clock_sleep(20000);
    }
    produce(worker);
    stop_producing(worker);
    while (!atomic_load_explicit(&worker->shared->release, memory_order_acquire)) {
        nap(worker, 50000);
    }
    free_all(worker);
    return NULL;
}

/* ---- creation ---- */

/* Shares 0 .. 2^32 among the rows that this thread allocates from; the others get an empty interval. */
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
        if (!prepare_row(worker, &worker->rows[i])) {
            return false;
        }
    }
    if (worker->quota != 0) {
        divide_choice(worker);
    }
    return true;
}

worker_t *
worker_create(shared_t *shared, uint32_t index, const heap_t *heap, uint64_t clock_cost) {
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
    if (!prepare(worker)) {
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
    worker->spare = NULL;
    region_free(&worker->region);
}

void
worker_destroy(worker_t *worker) {
    worker_shrink(worker);
    munmap(worker, sizeof(*worker));
}

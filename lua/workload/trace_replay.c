/*
 * trace_replay.c -- see trace_replay.h.
 *
 * A slot is written by the worker that allocates its block and then by the one that frees it. The store of the pointer
 * (release) makes the block and its size visible to the thread that waits for it (acquire).
 */
#include "trace_replay.h"

#include <sched.h>

#include "block.h"

/* The allocator had no memory for this block. */
static char refused;

trace_slot_t *
trace_slots(const trace_t *trace, region_t *region) {
    return region_alloc(region, (size_t)trace->nblocks * sizeof(trace_slot_t));
}

static bool
stopped(const worker_t *worker) {
    return atomic_load_explicit(&worker->shared->stop, memory_order_relaxed);
}

static trace_slot_t *
slot_of(const worker_t *worker, uint32_t block) {
    return &worker->shared->slots[block];
}

static uint64_t
id_of(uint32_t thread, uint32_t block) {
    return (uint64_t)thread << 48 | block;
}

/* ---- waiting ---- */

/* Waits until the block is allocated. NULL if it was refused, or if the run is stopped meanwhile. */
static void *
await(worker_t *worker, const trace_slot_t *slot) {
    void *ptr;
    for (uint64_t i = 0; (ptr = atomic_load_explicit(&slot->ptr, memory_order_acquire)) == NULL; i++) {
        if (stopped(worker)) {
            return NULL;
        }
        i < 100 ? (void)sched_yield() : clock_sleep(20000);
    }
    return ptr == &refused ? NULL : ptr;
}

/* Takes the block out of its slot. False if there is none. */
static bool
take(worker_t *worker, uint32_t index, block_t *out) {
    trace_slot_t *slot = slot_of(worker, index);
    void *ptr = await(worker, slot);
    if (ptr == NULL) {
        return false;
    }
    *out = (block_t){.ptr = ptr, .size = slot->size, .id = id_of(slot->thread, index)};
    atomic_store_explicit(&slot->ptr, NULL, memory_order_relaxed); /* no other thread waits for it */
    return true;
}

/* Puts the block into its slot; ptr NULL: the allocator refused. */
static void
put(worker_t *worker, uint32_t index, void *ptr, size_t size) {
    trace_slot_t *slot = slot_of(worker, index);
    slot->size = size;
    slot->thread = worker->index;
    atomic_store_explicit(&slot->ptr, ptr == NULL ? &refused : ptr, memory_order_release);
}

/* ---- steps ---- */

static void *
allocate(worker_t *worker, const trace_step_t *step) {
    switch (step->kind) {
    case TRACE_CALLOC:
        return calls_calloc(&worker->calls, step->size);
    case TRACE_ALIGNED:
        return calls_aligned(&worker->calls, (size_t)1 << step->old, step->size);
    case TRACE_REALLOC:
        return calls_realloc(&worker->calls, NULL, step->size);
    default:
        return calls_malloc(&worker->calls, step->size);
    }
}

/* A block of size 0 may be NULL, which is no failure. */
static void
replay_allocation(worker_t *worker, const trace_step_t *step) {
    block_t block = {.ptr = allocate(worker, step), .size = step->size, .id = id_of(worker->index, step->block)};
    if (block.ptr == NULL) {
        counter_add(&worker->failures, step->size != 0);
    } else {
        counter_add(&worker->live_bytes, block.size);
        counter_add(&worker->live_blocks, 1);
        size_t align = step->kind == TRACE_ALIGNED ? (size_t)1 << step->old : 0;
        block_write_aligned(worker, &block, step->kind == TRACE_CALLOC, align);
    }
    put(worker, step->block, block.ptr, block.size);
}

/* A block that realloc refuses stays in its old slot until the end. */
static void
replay_resize(worker_t *worker, const trace_step_t *step) {
    block_t block;
    if (step->old == TRACE_NONE || !take(worker, step->old, &block)) {
        replay_allocation(worker, step);
    } else if (block_resize_to(worker, &block, step->size, id_of(worker->index, step->block))) {
        put(worker, step->block, block.ptr, block.size);
    } else {
        put(worker, step->block, NULL, 0);
        put(worker, step->old, block.ptr, block.size);
    }
}

static void
replay_free(worker_t *worker, const trace_step_t *step) {
    block_t block;
    if (take(worker, step->block, &block)) {
        block_free(worker, &block);
    }
}

static void
replay_step(worker_t *worker, const trace_step_t *step) {
    worker->hash = prng_mix(worker->hash ^ step->size ^ (uint64_t)step->kind << 60);
    if (step->kind == TRACE_FREE) {
        replay_free(worker, step);
    } else if (step->kind == TRACE_REALLOC) {
        replay_resize(worker, step);
    } else {
        replay_allocation(worker, step);
    }
    counter_add(&worker->ops, 1);
}

/* ---- times ---- */

/* Waits until `due`; notes how late the step is. */
static void
await_time(worker_t *worker, uint64_t due) {
    uint64_t now = clock_ns();
    while (now < due && !stopped(worker)) {
        clock_sleep(due - now < 1000000 ? due - now : 1000000);
        now = clock_ns();
    }
    uint64_t lag = now > due ? now - due : 0;
    worker->max_lag = lag > worker->max_lag ? lag : worker->max_lag;
}

void
trace_replay(worker_t *worker) {
    const trace_thread_t *thread = &worker->plan->trace->threads[worker->index];
    double speed = worker->plan->trace_speed;
    uint64_t start = clock_ns();
    for (size_t i = 0; i < thread->nsteps && !stopped(worker); i++) {
        if (speed > 0) {
            await_time(worker, start + (uint64_t)((double)thread->steps[i].at / speed));
        }
        replay_step(worker, &thread->steps[i]);
    }
    worker->ended = clock_ns();
    counter_add(&worker->executed, worker->ended - start); /* with the waits */
}

void
trace_free_rest(worker_t *worker) {
    for (uint32_t i = 0; i < worker->plan->trace->nblocks; i++) {
        block_t block;
        if (atomic_load_explicit(&slot_of(worker, i)->ptr, memory_order_acquire) != NULL && take(worker, i, &block)) {
            block_free(worker, &block);
        }
    }
}

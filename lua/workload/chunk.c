/*
 * chunk.c -- the execution of actions: the measured loop. See chunk.h.
 */
#include "chunk.h"

#include "block.h"

static uint32_t
kind_of(const action_t *action) {
    return (uint32_t)action->what & 0xff;
}

static uint64_t
value_of(const action_t *action) {
    return action->what >> 8;
}

/* ---- execution ---- */

/* The three allocations. */
static void *
allocate(const worker_t *worker, uint32_t kind, const block_t *block, size_t size) {
    const heap_t *heap = &worker->calls.heap;
    switch (kind) {
    case ACTION_CALLOC:
        return heap->calloc(1, size);
    case ACTION_ALIGNED:
        return heap->aligned_alloc(worker->plan->rows[block->row].align, size);
    default:
        return heap->malloc(size);
    }
}

static void
execute_timed(worker_t *worker, uint32_t kind, block_t *block, size_t size) {
    calls_t *calls = &worker->calls;
    if (kind != ACTION_FREE) {
        uint64_t start = clock_ns();
        block->ptr = allocate(worker, kind, block, size);
        calls_record(calls, (call_t)kind, start);
    } else if (block->ptr != NULL) {
        uint64_t start = clock_ns();
        calls->heap.free(block->ptr);
        calls_record(calls, CALL_FREE, start);
    }
}

/* Makes the n allocations of the actions that follow. */
static void
execute_batch(worker_t *worker, const action_t *actions, size_t n, call_t kind) {
    size_t sizes[CALLS_BATCH];
    void *pointers[CALLS_BATCH];
    for (size_t i = 0; i < n; i++) {
        sizes[i] = value_of(&actions[i]);
    }
    calls_allocate_batch(&worker->calls, kind, sizes, pointers, n);
    for (size_t i = 0; i < n; i++) {
        actions[i].block->ptr = pointers[i];
    }
}

static void
defer(worker_t *worker, bool on) {
    if (on) {
        calls_defer_frees(&worker->calls);
    } else {
        calls_free_batch(&worker->calls);
    }
}

/* The end of a life, other than by a plain free. */
static void
end(worker_t *worker, uint32_t kind, block_t *block) {
    if (block->ptr == NULL) {
        block_recycle(worker, block);
    } else if (kind == ACTION_CAP) {
        counter_add(&worker->capped, 1);
        block_end_now(worker, block);
    } else {
        block_end(worker, block);
    }
}

/* What happens to a block that is there. */
static void
change(worker_t *worker, uint32_t kind, block_t *block, uint64_t value) {
    if (block->ptr == NULL) {
        return;
    }
    if (kind == ACTION_WRITE) {
        block_write(worker, block, value != 0);
    } else {
        block_resize(worker, block, (uint32_t)value);
    }
}

/* All but the two frequent kinds. */
static void
execute_other(worker_t *worker, const action_t *action) {
    uint32_t kind = kind_of(action);
    block_t *block = action->block;
    switch (kind) {
    case ACTION_CALLOC:
    case ACTION_ALIGNED:
        block->ptr = allocate(worker, kind, block, value_of(action));
        break;
    case ACTION_BATCH:
        execute_batch(worker, action + 1, value_of(action) >> 8, (call_t)(value_of(action) & 0xff));
        break;
    case ACTION_DEFER:
        defer(worker, value_of(action) != 0);
        break;
    case ACTION_WRITE:
    case ACTION_RESIZE:
        change(worker, kind, block, value_of(action));
        break;
    case ACTION_END:
    case ACTION_CAP:
        end(worker, kind, block);
        break;
    case ACTION_SERVE:
        block_serve_inbox(worker);
        break;
    case ACTION_BATCHED:
    case ACTION_KEEP:
        break;
    default:
        execute_timed(worker, kind - ACTION_TIMED, block, value_of(action));
    }
}

/* The measured loop. Nothing is counted here, so that the calls come as fast as they can. It is a function of its own,
 * so that profilers can tell it from the rest. */
static __attribute__((noinline)) void
execute(worker_t *worker, const action_t *action, const action_t *last) {
    void *(*const allocate_one)(size_t) = worker->calls.heap.malloc;
    void (*const free_one)(void *) = worker->calls.heap.free;
    for (; action < last; action++) {
        uint32_t kind = kind_of(action);
        if (kind == ACTION_MALLOC) {
            action->block->ptr = allocate_one(value_of(action));
        } else if (kind != ACTION_FREE) {
            execute_other(worker, action);
        } else if (action->block->ptr != NULL) {
            free_one(action->block->ptr);
        }
    }
}

/* ---- counting ---- */

/* What is to be added to the worker's counters. */
typedef struct {
    uint64_t calls[CALL_KINDS], failures, live_bytes, live_blocks;
} sums_t;

static void
count_allocation(sums_t *sums, const action_t *action) {
    if (action->block->ptr == NULL) {
        sums->failures++;
    } else {
        sums->live_bytes += value_of(action);
        sums->live_blocks++;
    }
}

static void
count_free(worker_t *worker, sums_t *sums, block_t *block) {
    if (block->ptr != NULL) {
        sums->calls[CALL_FREE]++;
        sums->live_bytes -= block->size;
        sums->live_blocks--;
    }
    block_recycle(worker, block);
}

/* A block that was not there is not kept. */
static void
keep(worker_t *worker, block_t *block) {
    if (block->ptr == NULL) {
        block_recycle(worker, block);
    } else {
        block->next = worker->forever;
        worker->forever = block;
    }
}

/* Other kinds of actions count themselves. */
static void
count_action(worker_t *worker, sums_t *sums, const action_t *action) {
    uint32_t kind = kind_of(action) & ~(uint32_t)ACTION_TIMED;
    if (kind <= ACTION_ALIGNED) {
        sums->calls[kind]++;
        count_allocation(sums, action);
    } else if (kind == ACTION_FREE) {
        count_free(worker, sums, action->block);
    } else if (kind == ACTION_BATCHED) {
        count_allocation(sums, action);
    } else if (kind == ACTION_KEEP) {
        keep(worker, action->block);
    }
}

/* Counts what was done, and takes back the descriptions of blocks that were freed. */
static void
settle(worker_t *worker) {
    const chunk_t *chunk = worker->chunk;
    sums_t sums = {0};
    for (uint32_t i = 0; i < chunk->n; i++) {
        count_action(worker, &sums, &chunk->actions[i]);
    }
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        counter_add(&worker->calls.count[kind], sums.calls[kind]);
    }
    counter_add(&worker->failures, sums.failures);
    counter_add(&worker->live_bytes, sums.live_bytes);
    counter_add(&worker->live_blocks, sums.live_blocks);
    counter_add(&worker->ops, chunk->done);
}

/* ---- chunks ---- */

void
chunk_begin(worker_t *worker) {
    chunk_t *chunk = worker->chunk;
    chunk->start = chunk->start == 0 ? clock_ns() : chunk->start;
}

void
chunk_pause(worker_t *worker) {
    worker->chunk->start = 0;
}

/* The next chunk is shorter if this one took long: calls that take a millisecond must not delay a stop by a second. */
static void
adapt(chunk_t *chunk, uint64_t ns) {
    uint32_t n = ns > CHUNK_NS ? chunk->operations / 2 : chunk->operations * 2;
    chunk->operations = n < 1 ? 1 : n > CHUNK_OPERATIONS ? CHUNK_OPERATIONS : n;
}

/* Adds the times of the chunk, whose execution began at `start` and ended at `now`, after `timings` timings. */
static void
account(worker_t *worker, uint64_t start, uint64_t now, uint64_t timings) {
    uint64_t elapsed = now - start, readings = 2 * worker->calls.clock_cost * timings;
    if (worker->chunk->start == 0) {
        counter_add(&worker->executed, elapsed);
        return;
    }
    readings = readings < elapsed ? readings : elapsed;
    counter_add(&worker->prepared, start - worker->chunk->start);
    counter_add(&worker->clocked, readings);
    counter_add(&worker->executed, elapsed - readings);
    worker->chunk->start = now;
}

void
chunk_run(worker_t *worker) {
    chunk_t *chunk = worker->chunk;
    uint64_t timings = worker->calls.timings, start = clock_ns();
    execute(worker, chunk->actions, chunk->actions + chunk->n);
    uint64_t now = clock_ns();
    account(worker, start, now, worker->calls.timings - timings);
    settle(worker);
    adapt(chunk, now - start);
    chunk->n = chunk->done = 0;
    chunk->bytes = 0;
}

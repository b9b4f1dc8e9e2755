/*
 * block.c -- contents, freeing, handing over and resizing of blocks. See block.h.
 */
#include "block.h"

#include <math.h>
#include <sched.h>
#include <string.h>

/* ---- descriptions ---- */

block_t *
block_new(worker_t *worker) {
    block_t *block = worker->spare;
    if (block == NULL) {
        return region_alloc(&worker->region, sizeof(*block));
    }
    worker->spare = block->next;
    return block;
}

void
block_recycle(worker_t *worker, block_t *block) {
    block->next = worker->spare;
    worker->spare = block;
}

/* ---- contents ---- */

/* The part of a description that another thread needs, and that survives the description. */
static parcel_t
parcel_of(const block_t *block) {
    return (parcel_t){.ptr = block->ptr, .size = block->size, .id = block->id, .row = block->row};
}

/* Counts a fault, and keeps it if it is the first. */
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

/* The bytes of the block that are written and checked. */
static pattern_span_t
span_of(const worker_t *worker, const parcel_t *block) {
    return pattern_span(block->size, worker->plan->rows[block->row].touch, worker->plan->verify);
}

/* Compares the contents with the pattern of `key`. */
static void
check_contents(worker_t *worker, fault_kind_t kind, const parcel_t *block, pattern_span_t span, uint64_t key) {
    uint8_t expected = 0;
    size_t bad = pattern_check(block->ptr, span, key, &expected);
    counter_add(&worker->checked, 1);
    if (bad != PATTERN_OK) {
        report(worker, kind, block, bad, expected, ((const uint8_t *)block->ptr)[bad]);
    }
}

/* The alignment that C requires: that of every object which fits, so the largest power of two up to 16. */
static size_t
alignment_due(size_t align, size_t size) {
    if (align != 0 || size == 0) {
        return align != 0 ? align : 1;
    }
    return size >= 16 ? 16 : (size_t)1 << (63 - __builtin_clzll(size));
}

/* Checks a block that the allocator just returned. */
static void
check_fresh(worker_t *worker, const parcel_t *block, bool zeroed, size_t align) {
    size_t due = alignment_due(align, block->size);
    if ((uintptr_t)block->ptr % due != 0) {
        report(worker, FAULT_ALIGNMENT, block, due, 0, 0);
    }
    size_t bad = zeroed ? pattern_check_zero(block->ptr, block->size) : PATTERN_OK;
    if (bad != PATTERN_OK) {
        report(worker, FAULT_NOT_ZERO, block, bad, 0, ((const uint8_t *)block->ptr)[bad]);
    }
}

/* Writes the block as many times as the row says. With verification it writes at least once, the last time the pattern
 * that is checked later. */
static void
write_contents(worker_t *worker, const parcel_t *block) {
    uint32_t writes = worker->plan->rows[block->row].writes;
    pattern_span_t span = span_of(worker, block);
    for (uint32_t i = 1; i < writes; i++) {
        memset(block->ptr, (int)i, span.head);
        __asm__ volatile("" ::"r"(block->ptr) : "memory"); /* no write may be optimised away */
    }
    if (worker->plan->verify) {
        pattern_fill(block->ptr, span, pattern_key(block->ptr, block->id));
    } else if (writes > 0) {
        memset(block->ptr, (int)writes, span.head);
    }
}

void
block_write_aligned(worker_t *worker, const block_t *block, bool zeroed, size_t align) {
    if (worker->plan->rows[block->row].writes == 0 && !worker->plan->verify) {
        return;
    }
    parcel_t parcel = parcel_of(block);
    if (worker->plan->verify) {
        check_fresh(worker, &parcel, zeroed, align);
    }
    write_contents(worker, &parcel);
}

void
block_write(worker_t *worker, const block_t *block, bool zeroed) {
    block_write_aligned(worker, block, zeroed, worker->plan->rows[block->row].align);
}

/* ---- freeing ---- */

/* Derived from the block, not from the worker's sequence: see prepare.h. */
static bool
is_sized(const worker_t *worker, const plan_row_t *row, uint64_t id) {
    return row->sized != 0 && worker->calls.heap.sized != NULL && (uint32_t)prng_mix(~id) < row->sized;
}

/* Frees a block of this or of another thread, after a check of its contents. */
static void
free_parcel(worker_t *worker, const parcel_t *block) {
    if (worker->plan->verify) {
        check_contents(worker, FAULT_CONTENTS, block, span_of(worker, block), pattern_key(block->ptr, block->id));
    }
    const plan_row_t *row = &worker->plan->rows[block->row];
    if (is_sized(worker, row, block->id)) {
        calls_free_sized(&worker->calls, block->ptr, row->align, block->size);
    } else {
        calls_free(&worker->calls, block->ptr);
    }
    counter_add(&worker->live_bytes, -(uint64_t)block->size);
    counter_add(&worker->live_blocks, -(uint64_t)1);
}

void
block_free(worker_t *worker, const block_t *block) {
    parcel_t parcel = parcel_of(block);
    free_parcel(worker, &parcel);
}

bool
block_serve_inbox(worker_t *worker) {
    parcel_t parcel;
    bool any = false;
    while (ring_pop(&worker->inbox, &parcel)) {
        free_parcel(worker, &parcel);
        any = true;
    }
    return any;
}

/* Pushes the block into the inbox of the thread that frees it. */
static void
hand_over(worker_t *worker, const block_t *block) {
    parcel_t parcel = parcel_of(block);
    ring_t *inbox = &worker->shared->workers[block->freer]->inbox;
    while (!ring_push(inbox, &parcel)) {
        if (!block_serve_inbox(worker)) {
            sched_yield();
        }
    }
    counter_add(&worker->handed, 1);
}

void
block_end_now(worker_t *worker, block_t *block) {
    if (block->freer != worker->index) {
        hand_over(worker, block);
    } else {
        parcel_t parcel = parcel_of(block);
        free_parcel(worker, &parcel);
    }
    block_recycle(worker, block);
}

static void
swap(block_t **a, block_t **b) {
    block_t *block = *a;
    *a = *b;
    *b = block;
}

/* Brings the blocks into the order of the burst. A random one is derived from the first block: see prepare.h. */
static void
arrange(block_t **blocks, uint32_t n, plan_order_t order) {
    uint64_t random = blocks[0]->id;
    if (order == PLAN_REVERSED) {
        for (uint32_t i = 0; i < n / 2; i++) {
            swap(&blocks[i], &blocks[n - 1 - i]);
        }
    } else if (order == PLAN_RANDOM) {
        for (uint32_t i = n - 1; i > 0; i--) {
            random = prng_mix(random);
            swap(&blocks[i], &blocks[prng_below(random, i + 1)]);
        }
    }
}

void
block_end(worker_t *worker, block_t *block) {
    worker_row_t *row = &worker->rows[block->row];
    if (row->batch == NULL) {
        block_end_now(worker, block);
        return;
    }
    row->batch[row->nbatch++] = block;
    if (row->nbatch == row->row->batch) {
        arrange(row->batch, row->nbatch, row->row->order);
        for (uint32_t i = 0; i < row->nbatch; i++) {
            block_end_now(worker, row->batch[i]);
        }
        row->nbatch = 0;
    }
}

void
block_free_batch(worker_t *worker, worker_row_t *row) {
    for (uint32_t i = 0; i < row->nbatch; i++) {
        block_free(worker, row->batch[i]);
    }
    row->nbatch = 0;
}

void
block_free_list(worker_t *worker, block_t *block) {
    for (; block != NULL; block = block->next) {
        if (block->ptr != NULL) {
            block_free(worker, block);
        }
    }
}

void
block_nap(worker_t *worker, uint64_t ns) {
    if (!block_serve_inbox(worker)) {
        clock_sleep(ns);
    }
}

/* ---- resizing ---- */

/* The size that a resize gives: the next step of growth, or a new draw. */
static size_t
next_size(const plan_row_t *row, const block_t *block, uint32_t left) {
    if (row->grow == 0) { /* derived from the block, not from the worker's sequence: see prepare.h */
        uint64_t random = prng_mix(block->id ^ ((uint64_t)left << 40));
        return dist_draw(plan_row_size(row, prng_mix(random)), random);
    }
    double size = ceil((double)block->size * row->grow);
    return size < 1 ? 1 : size > (double)DIST_MAX_SIZE ? DIST_MAX_SIZE : (size_t)size;
}

/* After a realloc: checks that the old contents are in the new block, then writes new contents. */
static void
rewrite(worker_t *worker, const parcel_t *old, const block_t *block) {
    parcel_t fresh = parcel_of(block);
    if (worker->plan->verify) {
        pattern_span_t kept = pattern_cut(span_of(worker, old), fresh.size);
        check_contents(worker, FAULT_REALLOC, &fresh, kept, pattern_key(old->ptr, old->id));
        check_fresh(worker, &fresh, false, 0);
    }
    write_contents(worker, &fresh);
}

bool
block_resize_to(worker_t *worker, block_t *block, size_t size, uint64_t id) {
    parcel_t old = parcel_of(block);
    if (worker->plan->verify) {
        check_contents(worker, FAULT_CONTENTS, &old, span_of(worker, &old), pattern_key(old.ptr, old.id));
    }
    void *ptr = calls_realloc(&worker->calls, block->ptr, size);
    if (ptr == NULL) {
        counter_add(&worker->failures, 1);
        return false;
    }
    counter_add(&worker->live_bytes, (uint64_t)size - block->size);
    block->ptr = ptr;
    block->size = size;
    block->id = id;
    rewrite(worker, &old, block);
    return true;
}

void
block_resize(worker_t *worker, block_t *block, uint32_t left) {
    block_resize_to(worker, block, next_size(&worker->plan->rows[block->row], block, left), block->id);
}

/*
 * compile.c -- see compile.h.
 */
#include "compile.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "compiler.h"

/* ---- life ---- */

int
plan_compiler_open(plan_compiler_t **out, const char *path) {
    plan_compiler_t *compiler =
        mmap(NULL, sizeof(*compiler), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (compiler == MAP_FAILED) {
        return ENOMEM;
    }
    compiler->before = true;
    compiler->look_at = UINT64_MAX;
    int error = plan_writer_open(&compiler->writer, path);
    if (error != 0) {
        plan_compiler_close(compiler);
        return error;
    }
    *out = compiler;
    return 0;
}

void
plan_compiler_look_at(plan_compiler_t *compiler, uint64_t time) {
    compiler->look_at = time;
}

int
plan_compiler_file(const plan_compiler_t *compiler) {
    return compiler->writer.fd;
}

void
plan_compiler_close(plan_compiler_t *compiler) {
    plan_writer_close(&compiler->writer);
    blocks_free(&compiler->blocks);
    growing_free(&compiler->threads);
    munmap(compiler, sizeof(*compiler));
}

/* ---- windows ---- */

/* The window is long, or threads that run in another order could have more live at once, or its end must be seen
 * because of the blocks that live now. */
static bool
is_due(const plan_compiler_t *compiler) {
    uint64_t most = compiler->live / 64 > (uint64_t)1 << 20 ? compiler->live / 64 : (uint64_t)1 << 20;
    uint64_t peak = compiler->head.facts.peak_ends;
    return compiler->writer.nqueued >= PLAN_WINDOW_OPS || compiler->possible - compiler->grown >= most ||
           compiler->live > peak + peak / 1000 + ((uint64_t)64 << 10);
}

/* The thread adds bytes to those that live, or takes some away. */
static void
add_bytes(plan_compiler_t *compiler, compiled_thread_t *thread, int64_t bytes) {
    compiler->live += (uint64_t)bytes;
    thread->grown += bytes;
    if (thread->grown > thread->highest) {
        compiler->possible += (uint64_t)(thread->grown - thread->highest);
        thread->highest = thread->grown;
    }
    if (compiler->live > compiler->live_before + compiler->grown) {
        compiler->grown = compiler->live - compiler->live_before;
    }
}

/* ---- operations ---- */

/* Appends an operation, at the present time. */
static int
add_op(plan_compiler_t *compiler, compiled_thread_t *thread, plan_op_t op) {
    uint64_t since = compiler->now - thread->last;
    thread->last = compiler->now;
    if (since > UINT32_MAX) {
        plan_op_t pause = {.kind = PLAN_PAUSE,
                           .slot = op.slot,
                           .size = (since < PLAN_SIZE_MASK ? since : PLAN_SIZE_MASK) & PLAN_SIZE_MASK};
        if (!plan_writer_op(&compiler->writer, thread->run, pause)) {
            return ENOMEM;
        }
        since = 0;
    }
    op.delta = (uint32_t)since;
    op.class = plan_class(op.size) & 255U;
    return plan_writer_op(&compiler->writer, thread->run, op) ? 0 : ENOMEM;
}

/* Appends a call, and counts it. */
static int
add_call(plan_compiler_t *compiler, compiled_thread_t *thread, plan_op_t op) {
    plan_facts_t *facts = &compiler->head.facts;
    facts->calls++;
    facts->count[op.kind][plan_class(op.size)]++;
    return add_op(compiler, thread, op);
}

/* Of a request of 0 bytes the result may be NULL, which would look like a refusal: 1 byte is asked for. */
static uint64_t
cut_size(uint64_t size) {
    return size == 0 ? 1 : size < PLAN_SIZE_MASK ? size : PLAN_SIZE_MASK;
}

/* Sets what is touched of a large block, now that it is known. A smaller one counts in the mean of its class. */
static int
set_touched(plan_compiler_t *compiler, uint32_t slot, uint64_t touched) {
    const plan_block_t *block = blocks_at(&compiler->blocks, slot);
    uint64_t size = touched < block->size ? touched : block->size;
    if (touched == RECORD_UNKNOWN || block->size < PLAN_MEDIUM) {
        return 0;
    }
    if (block->size < PLAN_LARGE) {
        shares_add(&compiler->shares, block->size, size);
        return 0;
    }
    return plan_writer_set_touch(&compiler->writer, block, slot, size);
}

/* Takes the block of the slot from the thread, by an operation of that kind; it ends. */
static int
take_block(plan_compiler_t *compiler, compiled_thread_t *thread, uint32_t slot, uint64_t touched, plan_op_t op) {
    const plan_block_t *block = blocks_at(&compiler->blocks, slot);
    bool remote = block->thread != thread->thread;
    int error = set_touched(compiler, slot, touched);
    op.slot = slot;
    op.size = block->size & PLAN_SIZE_MASK;
    op.remote = remote;
    op.waits = remote && block->window == compiler->writer.nwindows;
    compiler->head.facts.remote += remote;
    compiler->head.facts.waits += op.waits;
    add_bytes(compiler, thread, -(int64_t)block->size);
    if (error == 0) {
        error = op.kind == PLAN_FROM ? add_op(compiler, thread, op) : add_call(compiler, thread, op);
    }
    return error != 0 ? error : blocks_remove(&compiler->blocks, slot) ? 0 : ENOMEM;
}

/* A block at an address where one lives already: the free that was not seen is added. */
static int
add_missing_free(plan_compiler_t *compiler, compiled_thread_t *thread, uint64_t addr) {
    uint32_t slot = blocks_find(&compiler->blocks, addr);
    if (slot == PLAN_NONE) {
        return 0;
    }
    compiler->head.facts.reused++;
    return take_block(compiler, thread, slot, RECORD_UNKNOWN, (plan_op_t){.kind = CALL_FREE});
}

/* The PLAN_TOUCH of a large block, before its call; all of it, until more is known. */
static int
add_touch(plan_compiler_t *compiler, compiled_thread_t *thread, uint32_t slot) {
    plan_block_t *block = blocks_at(&compiler->blocks, slot);
    plan_op_t op = {.kind = PLAN_TOUCH, .slot = slot, .size = block->size & PLAN_SIZE_MASK};
    int error = add_op(compiler, thread, op);
    block->touch_at = compiler->writer.nqueued; /* counted from 1 */
    return error;
}

/* A new block at the address, by the call in `op`. */
static int
add_block(plan_compiler_t *compiler, compiled_thread_t *thread, uint64_t addr, plan_op_t op) {
    int error = add_missing_free(compiler, thread, addr);
    plan_block_t block = {.addr = addr,
                          .size = op.size,
                          .thread = thread->thread,
                          .lg_align = op.lg_align,
                          .window = (uint32_t)compiler->writer.nwindows};
    op.slot = error == 0 ? blocks_add(&compiler->blocks, &block) : PLAN_NONE;
    if (op.slot == PLAN_NONE) {
        return error != 0 ? error : ENOMEM;
    }
    plan_facts_t *facts = &compiler->head.facts;
    add_bytes(compiler, thread, (int64_t)block.size);
    facts->peak_live = compiler->live > facts->peak_live ? compiler->live : facts->peak_live;
    error = block.size >= PLAN_LARGE ? add_touch(compiler, thread, op.slot) : 0;
    return error != 0 ? error : add_call(compiler, thread, op);
}

/* An allocation; without an address it had failed. */
static int
add_allocation(plan_compiler_t *compiler, compiled_thread_t *thread, const record_event_t *event, plan_op_t op) {
    op.size = cut_size(event->size) & PLAN_SIZE_MASK;
    if (event->addr == 0) {
        op.slot = PLAN_NONE;
        compiler->head.facts.failed++;
        return add_call(compiler, thread, op);
    }
    return add_block(compiler, thread, event->addr, op);
}

static int
add_free(plan_compiler_t *compiler, compiled_thread_t *thread, const record_event_t *event, call_t kind) {
    uint32_t slot = blocks_find(&compiler->blocks, event->addr);
    if (slot == PLAN_NONE) {
        compiler->head.facts.unmatched += event->addr != 0;
        return 0;
    }
    plan_op_t op = {.kind = kind};
    if (kind == CALL_FREE_SIZED) { /* whatever the program said, it must fit the request */
        op.lg_align = blocks_at(&compiler->blocks, slot)->lg_align & 63U;
    }
    return take_block(compiler, thread, slot, event->touched, op);
}

static int
add_realloc(plan_compiler_t *compiler, compiled_thread_t *thread, const record_event_t *event) {
    if (event->addr == 0 && event->size == 0) {
        record_event_t freed = {.addr = event->old_addr, .touched = event->touched};
        return add_free(compiler, thread, &freed, CALL_FREE);
    }
    uint32_t slot =
        event->old_addr == 0 || event->addr == 0 ? PLAN_NONE : blocks_find(&compiler->blocks, event->old_addr);
    compiler->head.facts.unmatched += event->old_addr != 0 && event->addr != 0 && slot == PLAN_NONE;
    int error =
        slot == PLAN_NONE ? 0 : take_block(compiler, thread, slot, event->touched, (plan_op_t){.kind = PLAN_FROM});
    return error != 0 ? error : add_allocation(compiler, thread, event, (plan_op_t){.kind = CALL_REALLOC});
}

/* A block that lives when the recording begins, or a known one of which the touched bytes are told now. */
static int
add_live(plan_compiler_t *compiler, compiled_thread_t *thread, const record_event_t *event) {
    uint32_t slot = blocks_find(&compiler->blocks, event->addr);
    if (slot != PLAN_NONE) {
        return set_touched(compiler, slot, event->touched);
    }
    compiler->head.facts.before++;
    int error = add_allocation(compiler, thread, event, (plan_op_t){.kind = CALL_MALLOC});
    slot = blocks_find(&compiler->blocks, event->addr);
    return error == 0 && slot != PLAN_NONE ? set_touched(compiler, slot, event->touched) : error;
}

/* ---- events ---- */

static plan_op_t
aligned_op(const record_event_t *event) {
    plan_op_t op = {.kind = event->lg_align == 0 ? CALL_MALLOC : CALL_ALIGNED};
    op.lg_align = event->lg_align & 63U;
    return op;
}

static int
add_call_event(plan_compiler_t *compiler, compiled_thread_t *thread, const record_event_t *event) {
    switch (event->kind) {
    case RECORD_MALLOC:
    case RECORD_ALIGNED:
        return add_allocation(compiler, thread, event, aligned_op(event));
    case RECORD_CALLOC:
        return add_allocation(compiler, thread, event, (plan_op_t){.kind = CALL_CALLOC});
    case RECORD_REALLOC:
        return add_realloc(compiler, thread, event);
    case RECORD_FREE:
        return add_free(compiler, thread, event, CALL_FREE);
    case RECORD_FREE_SIZED:
        return add_free(compiler, thread, event, CALL_FREE_SIZED);
    default:
        return add_live(compiler, thread, event);
    }
}

/* Sets the present time from the event's, which must not fall. */
static void
advance(plan_compiler_t *compiler, const record_event_t *event) {
    if (!compiler->timed) {
        compiler->timed = true;
        compiler->start = event->time;
    }
    uint64_t at = event->time > compiler->start ? event->time - compiler->start : 0;
    compiler->head.facts.backwards += at < compiler->now || event->time < compiler->start;
    compiler->now = at > compiler->now ? at : compiler->now;
}

/* An event that is a call, by a thread that is there already or starts with it. */
static int
add_timed(plan_compiler_t *compiler, const record_event_t *event) {
    compiled_thread_t *thread;
    advance(compiler, event);
    int error = 0;
    if (compiler->before && event->kind != RECORD_LIVE) {
        error = compiler_end_window(compiler);
        compiler->before = false;
    }
    if (error == 0 && event->time > compiler->look_at) {
        error = compiler_end_window(compiler);
        compiler->look = true;
        compiler->look_at = UINT64_MAX;
    }
    error = error != 0 ? error : compiler_thread(compiler, event->thread, &thread);
    error = error != 0 ? error : add_call_event(compiler, thread, event);
    return error == 0 && is_due(compiler) ? compiler_end_window(compiler) : error;
}

int
plan_compiler_add(plan_compiler_t *compiler, const record_event_t *event) {
    compiled_thread_t *thread;
    compiler->head.facts.events++;
    switch (event->kind) {
    case RECORD_MALLOC:
    case RECORD_CALLOC:
    case RECORD_ALIGNED:
    case RECORD_REALLOC:
    case RECORD_FREE:
    case RECORD_FREE_SIZED:
    case RECORD_LIVE:
        return add_timed(compiler, event);
    case RECORD_THREAD:
        advance(compiler, event);
        return compiler_thread(compiler, event->thread, &thread);
    case RECORD_THREAD_END:
        advance(compiler, event);
        return compiler_end_thread(compiler, event->thread);
    case RECORD_LOST:
        compiler->head.facts.lost += event->size;
        return 0;
    default:
        return 0;
    }
}

int
plan_compiler_finish(plan_compiler_t *compiler, plan_head_t *out) {
    plan_head_t *head = &compiler->head;
    int error = compiler_end_window(compiler);
    memcpy(head->magic, PLAN_MAGIC, sizeof(head->magic));
    head->version = PLAN_VERSION;
    head->head_size = sizeof(*head);
    head->size = compiler->writer.offset + PLAN_AHEAD * sizeof(plan_op_t);
    head->nwindows = compiler->writer.nwindows;
    head->nslots = compiler->blocks.nslots;
    head->facts.duration = compiler->now;
    head->facts.live_at_end = compiler->blocks.nlive;
    shares_mean(&compiler->shares, head->touched);
    *out = *head;
    return error != 0 ? error : plan_writer_finish(&compiler->writer, head);
}

/* pass.c -- keeps the live blocks, and decides what passes. See pass.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pass.h"

#include <sys/mman.h>

struct trace_pass {
    trace_merge_t *merge; /* NULL: it is fed */
    trace_filter_t filter;
    trace_live_t live;
    trace_array_t begun; /* uint64_t, of each thread */
    trace_array_t
        moved; /* trace_block_t, of each thread: the block that it is about to move, of kind RECORD_NONE if it is
                            unknown; address 0: none */
    uint64_t bytes;
    bool no_memory;
};

trace_pass_t *
trace_pass_open_fed(void) {
    trace_pass_t *pass = mmap(NULL, sizeof(*pass), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pass == MAP_FAILED) {
        return NULL;
    }
    pass->filter = TRACE_ALL;
    return pass;
}

/* Makes room for n threads. False without memory. */
static bool
reserve(trace_pass_t *pass, size_t n) {
    return trace_array_grow(&pass->begun, n, sizeof(uint64_t)) &&
           trace_array_grow(&pass->moved, n, sizeof(trace_block_t));
}

trace_pass_t *
trace_pass_open(const trace_file_t *file, const trace_filter_t *filter) {
    trace_pass_t *pass = trace_pass_open_fed();
    if (pass == NULL) {
        return NULL;
    }
    pass->filter = *filter;
    pass->merge = trace_merge_open(file);
    if (pass->merge == NULL || !reserve(pass, trace_file_info(file)->nthreads)) {
        trace_pass_close(pass);
        return NULL;
    }
    return pass;
}

void
trace_pass_close(trace_pass_t *pass) {
    if (pass->merge != NULL) {
        trace_merge_close(pass->merge);
    }
    trace_live_free(&pass->live);
    trace_array_free(&pass->begun);
    trace_array_free(&pass->moved);
    munmap(pass, sizeof(*pass));
}

bool
trace_pass_short(const trace_pass_t *pass) {
    return pass->no_memory;
}

uint64_t
trace_pass_bytes(const trace_pass_t *pass) {
    return pass->bytes;
}

uint64_t
trace_pass_begun(const trace_pass_t *pass, uint32_t thread) {
    return ((const uint64_t *)pass->begun.data)[thread];
}

const trace_live_t *
trace_pass_live(const trace_pass_t *pass) {
    return &pass->live;
}

uint64_t
trace_pass_damaged(const trace_pass_t *pass) {
    return pass->merge == NULL ? 0 : trace_merge_damaged(pass->merge);
}

/* ---- conditions ---- */

static bool
is_size(const trace_filter_t *filter, uint64_t size) {
    return size >= filter->min_size && size <= filter->max_size;
}

static bool
is_event(const trace_filter_t *filter, const record_event_t *event) {
    return event->time >= filter->from && event->time < filter->to &&
           (filter->thread < 0 || (uint64_t)filter->thread == event->thread) && (filter->kinds >> event->kind & 1) != 0;
}

/* The size of the block that the step ends meets the condition. That of an unknown one is known if the free tells it.
   */
static bool
old_passes(const trace_filter_t *filter, const trace_step_t *step) {
    if (step->ended) {
        return is_size(filter, step->old.size);
    }
    return step->event.kind == RECORD_FREE_SIZED ? is_size(filter, step->event.size) : trace_any_size(filter);
}

/* Leaves of a realloc what passes. */
static bool
cut_realloc(const trace_filter_t *filter, trace_step_t *step) {
    record_event_t *event = &step->event;
    bool had = event->old_addr != 0 && old_passes(filter, step), has = is_size(filter, event->size);
    if (had && !has) {
        event->kind = RECORD_FREE;
        event->addr = event->old_addr;
        event->size = event->old_addr = 0;
    } else if (has && !had) {
        event->old_addr = 0;
        event->touched = RECORD_UNKNOWN;
    }
    return had || has;
}

static bool
block_passes(const trace_filter_t *filter, trace_step_t *step) {
    uint32_t kind = step->event.kind;
    if (kind == RECORD_REALLOC) {
        return cut_realloc(filter, step);
    } else if (trace_frees(kind)) {
        return old_passes(filter, step);
    } else if (kind == RECORD_MOVE) {
        return step->unknown ? trace_any_size(filter) : is_size(filter, step->old.size);
    }
    bool sized =
        trace_begins(kind) || kind == RECORD_PAGE_ALLOC || kind == RECORD_PAGE_FREE || kind == RECORD_PAGE_GROW;
    return !sized || is_size(filter, step->event.size);
}

/* ---- the blocks ---- */

/* The block at that address ends. */
static void
end_block(trace_pass_t *pass, uint64_t addr, trace_step_t *step) {
    trace_block_t *block = trace_live_find(&pass->live, addr);
    if (block == NULL) {
        step->unknown = true;
        return;
    }
    step->old = *block;
    step->ended = true;
    trace_live_drop(&pass->live, block);
}

static trace_block_t *
moved_by(trace_pass_t *pass, uint32_t thread) {
    return (trace_block_t *)pass->moved.data + thread;
}

/* The thread is about to move the block: another one may get its address from now on. */
static void
move_block(trace_pass_t *pass, trace_step_t *step) {
    trace_block_t *block = trace_live_find(&pass->live, step->event.addr);
    if (block == NULL) {
        step->unknown = true;
        *moved_by(pass, step->event.thread) = (trace_block_t){.addr = step->event.addr, .kind = RECORD_NONE};
        return;
    }
    step->old = *block;
    *moved_by(pass, step->event.thread) = *block;
    trace_live_drop(&pass->live, block);
}

/* The block that a realloc resizes: the one that its thread has moved, or the one at the old address. */
static void
end_old_block(trace_pass_t *pass, trace_step_t *step) {
    trace_block_t *moved = moved_by(pass, step->event.thread);
    step->moved = moved->addr == step->event.old_addr;
    if (step->moved) {
        step->old = *moved;
        step->ended = moved->kind != RECORD_NONE;
        step->unknown = !step->ended;
        moved->addr = 0;
    } else {
        end_block(pass, step->event.old_addr, step);
    }
}

/* A block whose free is missing makes way for the one that begins. */
static void
make_way(trace_pass_t *pass, trace_step_t *step) {
    trace_block_t *block = trace_live_find(&pass->live, step->event.addr);
    if (block != NULL) {
        step->replaced = !step->ended;
        step->old = step->ended ? step->old : *block;
        trace_live_drop(&pass->live, block);
    }
}

/* What a realloc hands on of the block that it ends. */
static void
inherit(trace_block_t *block, const trace_block_t *old, uint64_t begun) {
    block->born = old->born;
    block->sized = begun;
    block->product = old->product + old->size * (begun - old->sized);
    block->first_size = old->first_size;
    block->thread = old->thread;
    block->resizes = old->resizes + 1;
}

static void
begin_block(trace_pass_t *pass, const trace_step_t *step, const record_event_t *event) {
    trace_block_t block = {.addr = event->addr,
                           .size = event->size,
                           .time = event->time,
                           .bytes = pass->bytes,
                           .born = trace_pass_begun(pass, event->thread),
                           .first_size = event->size,
                           .thread = event->thread,
                           .caller = event->thread,
                           .kind = event->kind,
                           .counted = step->begins};
    bool cut = step->event.kind == RECORD_REALLOC && step->event.old_addr == 0;
    if (event->kind == RECORD_REALLOC && step->ended && !cut) {
        inherit(&block, &step->old, trace_pass_begun(pass, step->old.thread));
    } else {
        ((uint64_t *)pass->begun.data)[event->thread]++;
        block.sized = trace_pass_begun(pass, event->thread);
    }
    if (event->addr != 0 && !trace_live_add(&pass->live, &block)) {
        pass->no_memory = true;
    }
    pass->bytes += event->kind == RECORD_LIVE ? 0 : event->size;
}

/* A block that is told of again, at the end of a recording: nothing begins. */
static bool
is_known(const trace_pass_t *pass, const record_event_t *event) {
    return event->kind == RECORD_LIVE && trace_live_find(&pass->live, event->addr) != NULL;
}

static void
follow(trace_pass_t *pass, trace_step_t *step) {
    record_event_t event = step->event; /* as it is in the trace */
    if (trace_frees(event.kind)) {
        end_block(pass, event.addr, step);
    } else if (event.kind == RECORD_REALLOC && event.old_addr != 0) {
        end_old_block(pass, step);
    } else if (event.kind == RECORD_MOVE) {
        move_block(pass, step);
    }
    bool begins = trace_begins(event.kind) && !is_known(pass, &event);
    if (begins) {
        make_way(pass, step);
    }
    step->passes = is_event(&pass->filter, &event) && block_passes(&pass->filter, step);
    step->begins = begins && step->passes && trace_begins(step->event.kind);
    if (begins) {
        begin_block(pass, step, &event);
    }
}

static void
follow_from_start(trace_pass_t *pass, trace_step_t *step) {
    step->passes = step->begins = step->ended = step->unknown = step->moved = step->replaced = false;
    follow(pass, step);
}

bool
trace_pass_next(trace_pass_t *pass, trace_step_t *step) {
    if (pass->no_memory || !trace_merge_next(pass->merge, &step->event)) {
        return false;
    }
    follow_from_start(pass, step);
    return true;
}

bool
trace_pass_feed(trace_pass_t *pass, const record_event_t *event, trace_step_t *step) {
    pass->no_memory = pass->no_memory || !reserve(pass, (size_t)event->thread + 1);
    if (pass->no_memory) {
        return false;
    }
    step->event = *event;
    follow_from_start(pass, step);
    return true;
}

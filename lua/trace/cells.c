/* cells.c -- see cells.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cells.h"

#include <math.h>
#include <sys/mman.h>

trace_cells_t *
trace_cells_open(void) {
    void *cells = mmap(NULL, sizeof(trace_cells_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return cells == MAP_FAILED ? NULL : cells;
}

void
trace_cells_close(trace_cells_t *cells) {
    munmap(cells, sizeof(*cells));
}

static uint32_t
column_of(uint64_t life) {
    uint32_t half = life == 0 ? 0 : 1 + (uint32_t)(2 * log2((double)life));
    return half < CELLS_FOREVER ? half : CELLS_FOREVER - 1;
}

static void
add(trace_cells_t *cells, const trace_block_t *block, uint64_t life, uint32_t column) {
    trace_cell_t *cell = &cells->cells[trace_class(block->first_size)][column];
    cell->count++;
    cell->size += (double)block->first_size;
    cell->life += (double)life;
}

/* How many blocks the thread of the block has begun after it. */
static uint64_t
life_of(const trace_block_t *block, const trace_pass_t *pass) {
    uint64_t begun = trace_pass_begun(pass, block->thread);
    return begun > block->born + 1 ? begun - block->born - 1 : 0;
}

/* Bytes times lifetime of a block, until now. */
static double
product_of(const trace_block_t *block, const trace_pass_t *pass) {
    uint64_t begun = trace_pass_begun(pass, block->thread);
    return (double)block->product + (double)block->size * (double)(begun - block->sized);
}

static void
end_block(trace_cells_t *cells, const trace_step_t *step, const trace_pass_t *pass) {
    uint64_t life = life_of(&step->old, pass);
    add(cells, &step->old, life, column_of(life));
    cells->whole.product += product_of(&step->old, pass);
    cells->whole.ended++;
    cells->whole.cross += step->old.thread != step->event.thread;
    cells->whole.sized += step->event.kind == RECORD_FREE_SIZED;
    cells->whole.resized += step->old.resizes > 0;
}

static void
begin_block(trace_cells_t *cells, const record_event_t *event) {
    cells->whole.blocks++;
    cells->whole.zeroed += event->kind == RECORD_CALLOC;
    cells->whole.alignments[event->lg_align & 63]++;
    cells->whole.byte_blocks += (double)cells->whole.live_bytes;
}

/* A block counts if its beginning has passed. */
void
trace_cells_add(trace_cells_t *cells, const trace_step_t *step, const trace_pass_t *pass) {
    const record_event_t *event = &step->event;
    bool old = (step->ended || step->replaced) && step->old.counted;
    cells->whole.live_bytes -= old && step->old.size <= cells->whole.live_bytes ? step->old.size : 0;
    if (old && step->ended && step->passes && trace_frees(event->kind)) {
        end_block(cells, step, pass);
    }
    if (!step->begins) {
        return;
    } else if (trace_resizes(step)) {
        cells->whole.resizes++;
    } else if (event->kind != RECORD_LIVE) {
        begin_block(cells, event);
    }
    cells->whole.live_bytes += event->size;
}

/* A block that lives at the end. Its lifetime is twice its age in the mean, as at any moment of a program that goes on
 * as it did. If it began in the first half of its thread's time, that is longer than the trace: it lives forever. */
static void
add_living(trace_cells_t *cells, const trace_block_t *block, const trace_pass_t *pass) {
    uint64_t age = life_of(block, pass);
    bool forever = 2 * age >= trace_pass_begun(pass, block->thread);
    uint64_t life = forever ? age : 2 * age;
    add(cells, block, life, forever ? CELLS_FOREVER : column_of(life));
    cells->whole.product += product_of(block, pass) * (forever ? 1 : 2);
    cells->whole.resized += block->resizes > 0;
}

void
trace_cells_end(trace_cells_t *cells, const trace_pass_t *pass) {
    const trace_live_t *live = trace_pass_live(pass);
    const trace_block_t *blocks = live->table.data;
    for (size_t i = 0; i < live->table.n; i++) {
        if (blocks[i].addr != 0 && blocks[i].counted && blocks[i].kind != RECORD_LIVE) {
            add_living(cells, &blocks[i], pass);
        }
    }
}

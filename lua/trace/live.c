/* live.c -- open addressing with linear probing; blocks that follow a dropped one move up. See live.h. */
#include "live.h"

enum {
    FIRST_SIZE = 1024
};

static trace_block_t *
slot(const trace_live_t *live, size_t i) {
    return (trace_block_t *)live->table.data + i;
}

/* Where the address belongs: addresses of blocks differ in their low bits, above the alignment. */
static size_t
home(const trace_live_t *live, uint64_t addr) {
    return (size_t)((addr * 0x9e3779b97f4a7c15ULL) >> 20) & (live->table.n - 1);
}

/* The block's slot, or the free one where it belongs. */
static trace_block_t *
probe(const trace_live_t *live, uint64_t addr) {
    size_t i = home(live, addr);
    while (slot(live, i)->addr != 0 && slot(live, i)->addr != addr) {
        i = (i + 1) & (live->table.n - 1);
    }
    return slot(live, i);
}

trace_block_t *
trace_live_find(const trace_live_t *live, uint64_t addr) {
    if (live->n == 0 || addr == 0) {
        return NULL;
    }
    trace_block_t *found = probe(live, addr);
    return found->addr == 0 ? NULL : found;
}

static bool
grow(trace_live_t *live) {
    trace_live_t larger = {.n = live->n};
    size_t size = live->table.n == 0 ? FIRST_SIZE : 2 * live->table.n;
    if (!trace_array_grow(&larger.table, size, sizeof(trace_block_t))) {
        return false;
    }
    for (size_t i = 0; i < live->table.n; i++) {
        if (slot(live, i)->addr != 0) {
            *probe(&larger, slot(live, i)->addr) = *slot(live, i);
        }
    }
    trace_live_free(live);
    *live = larger;
    return true;
}

bool
trace_live_add(trace_live_t *live, const trace_block_t *block) {
    if (2 * live->n >= live->table.n && !grow(live)) {
        return false;
    }
    *probe(live, block->addr) = *block;
    live->n++;
    return true;
}

void
trace_live_drop(trace_live_t *live, trace_block_t *block) {
    size_t mask = live->table.n - 1, hole = (size_t)(block - slot(live, 0));
    for (size_t i = (hole + 1) & mask; slot(live, i)->addr != 0; i = (i + 1) & mask) {
        /* It may fill the hole if its home does not lie behind the hole. */
        if (((i - home(live, slot(live, i)->addr)) & mask) >= ((i - hole) & mask)) {
            *slot(live, hole) = *slot(live, i);
            hole = i;
        }
    }
    slot(live, hole)->addr = 0;
    live->n--;
}

void
trace_live_free(trace_live_t *live) {
    trace_array_free(&live->table);
    live->n = 0;
}

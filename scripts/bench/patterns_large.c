/*
 * patterns_large.c -- blocks of whole pages: they measure how pages are reused, given back and faulted in again.
 */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>

/* ---- large and huge: blocks replaced in random order, every page written ---- */

enum {
    LARGE_THREADS = 4,
    LARGE_SLOTS = 16,
    LARGE_OPS = 12, /* per percent and thread */
    HUGE_SLOTS = 4,
    HUGE_OPS = 4, /* per percent */
    LIVE_SLOTS = 20,
    LIVE_OPS = 12, /* per percent */
    MIB = 1 << 20
};

static void
large_worker(size_t number, void *context) {
    char *slots[LARGE_SLOTS] = {NULL};
    uint64_t state = seed_of(number);
    for (size_t left = LARGE_OPS * *(size_t *)context; left > 0; left--) {
        size_t slot = below(next_random(&state), LARGE_SLOTS);
        free(slots[slot]);
        slots[slot] = filled_pages(log_uniform(&state, 64 << 10, 7));
    }
    for (size_t i = 0; i < LARGE_SLOTS; i++) {
        free(slots[i]);
    }
}

static void
run_large(size_t percent) {
    run_threads(LARGE_THREADS, large_worker, &percent);
}

static void
run_huge(size_t percent) {
    char *slots[HUGE_SLOTS] = {NULL};
    uint64_t state = seed_of(0);
    for (size_t left = HUGE_OPS * percent; left > 0; left--) {
        size_t slot = below(next_random(&state), HUGE_SLOTS);
        free(slots[slot]);
        slots[slot] = filled_pages(5 * (size_t)MIB + below(next_random(&state), 20 * (size_t)MIB));
    }
    for (size_t i = 0; i < HUGE_SLOTS; i++) {
        free(slots[i]);
    }
}

/* The new block exists before the old one is freed, and every byte is written. */
static void
replace_whole(char **slot, size_t size) {
    char *block = filled(size);
    memset(block, 0, size);
    free(*slot);
    *slot = block;
}

static void
run_huge_live(size_t percent) {
    char *slots[LIVE_SLOTS] = {NULL};
    uint64_t state = seed_of(1);
    for (size_t left = LIVE_OPS * percent; left > 0; left--) {
        size_t slot = below(next_random(&state), LIVE_SLOTS);
        replace_whole(&slots[slot], 5 * (size_t)MIB + below(next_random(&state), 20 * (size_t)MIB));
    }
    for (size_t i = 0; i < LIVE_SLOTS; i++) {
        free(slots[i]);
    }
}

/* ---- realloc: vectors that grow by half until they are freed ---- */

enum {
    VECTORS = 64,
    GROWTHS = 500 /* per percent */
};

typedef struct {
    char *data;
    size_t size, limit;
} vector_t;

static void
begin_vector(vector_t *vector, uint64_t *state) {
    free(vector->data);
    vector->size = 16;
    vector->limit = log_uniform(state, 256, 15);
    vector->data = filled(vector->size);
}

static void
grow_vector(vector_t *vector) {
    size_t size = vector->size + vector->size / 2;
    vector->data = resized(vector->data, size);
    vector->data[vector->size] = 1;
    write_pages(vector->data, vector->size, size);
    vector->size = size;
}

static void
run_realloc(size_t percent) {
    vector_t vectors[VECTORS] = {{NULL, 0, 0}};
    uint64_t state = seed_of(0);
    for (size_t left = GROWTHS * percent; left > 0; left--) {
        vector_t *vector = &vectors[below(next_random(&state), VECTORS)];
        if (vector->size >= vector->limit) {
            begin_vector(vector, &state);
        } else {
            grow_vector(vector);
        }
    }
    for (size_t i = 0; i < VECTORS; i++) {
        free(vectors[i].data);
    }
}

const pattern_t large_patterns[] = {
    {"large", run_large, "4 threads of 16 slots, refilled in random order with 64 KiB to 8 MiB"},
    {"huge", run_huge, "4 slots, refilled in random order with 5 to 25 MiB"},
    {"huge_live", run_huge_live, "20 slots, replaced in random order by 5 to 25 MiB that are wholly written"},
    {"realloc", run_realloc, "64 vectors that grow by half, from 16 B to at most 256 B to 8 MiB"},
    {NULL, NULL, NULL},
};

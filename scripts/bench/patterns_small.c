/*
 * patterns_small.c -- one thread and small blocks: they measure the calls themselves, and the layout that results.
 */
#include "patterns.h"

#include <stdlib.h>

enum {
    PAIRS = 600000, /* per percent, and so are the next ones */
    RANDOM_OPS = 120000,
    MIXED_OPS = 200000,
    CALLOC_OPS = 30000,
    ALIGNED_OPS = 120000,
    BULK_ROUNDS = 400, /* for 100 percent */
    RANDOM_SLOTS = 1 << 16,
    BULK_SLOTS = 1 << 16,
    MIXED_SLOTS = 1 << 12
};

static char *slots[RANDOM_SLOTS];

static void
free_slots(size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(slots[i]);
        slots[i] = NULL;
    }
}

static void
run_pair(size_t percent) {
    for (size_t i = 0; i < PAIRS * percent; i++) {
        free(filled(64));
    }
}

static void
run_random(size_t percent) {
    uint64_t state = seed_of(0);
    for (size_t i = 0; i < RANDOM_OPS * percent; i++) {
        uint64_t r = next_random(&state);
        size_t slot = r % RANDOM_SLOTS;
        free(slots[slot]);
        slots[slot] = filled(16 + below(r, 2033));
    }
    free_slots(RANDOM_SLOTS);
}

static void
run_mixed(size_t percent) {
    uint64_t state = seed_of(1);
    for (size_t i = 0; i < MIXED_OPS * percent; i++) {
        size_t slot = below(next_random(&state), MIXED_SLOTS);
        free(slots[slot]);
        slots[slot] = filled(log_uniform(&state, 8, 9));
    }
    free_slots(MIXED_SLOTS);
}

static void
run_bulk(size_t percent) {
    for (size_t round = 0; round < BULK_ROUNDS * percent / 100; round++) {
        for (size_t i = 0; i < BULK_SLOTS; i++) {
            slots[i] = filled(32);
        }
        free_slots(BULK_SLOTS);
    }
}

/* Uses the block, since the compiler knows what calloc's memory holds and could drop the call. */
static void
run_calloc(size_t percent) {
    uint64_t state = seed_of(2);
    for (size_t i = 0; i < CALLOC_OPS * percent; i++) {
        size_t slot = below(next_random(&state), MIXED_SLOTS);
        free(slots[slot]);
        slots[slot] = calloc(1, log_uniform(&state, 16, 10));
        if (slots[slot] == NULL || *(volatile char *)slots[slot] != 0) {
            give_up("calloc");
        }
        *(volatile char *)slots[slot] = 1;
    }
    free_slots(MIXED_SLOTS);
}

static void
run_aligned(size_t percent) {
    uint64_t state = seed_of(3);
    for (size_t i = 0; i < ALIGNED_OPS * percent; i++) {
        size_t slot = below(next_random(&state), MIXED_SLOTS);
        size_t alignment = (size_t)16 << below(next_random(&state), 7);
        void *p;
        free(slots[slot]);
        if (posix_memalign(&p, alignment, log_uniform(&state, 16, 7)) != 0) {
            give_up("posix_memalign");
        }
        slots[slot] = p;
        *(volatile char *)slots[slot] = 1;
    }
    free_slots(MIXED_SLOTS);
}

const pattern_t small_patterns[] = {
    {"pair", run_pair, "one block of 64 B, allocated and freed again and again"},
    {"random", run_random, "64 Ki slots, freed and refilled in random order with 16 B to 2 KiB"},
    {"mixed", run_mixed, "4 Ki slots, freed and refilled in random order with 8 B to 4 KiB, small ones more often"},
    {"bulk", run_bulk, "64 Ki blocks of 32 B, then all of them freed, again and again"},
    {"calloc", run_calloc, "4 Ki slots refilled by calloc with 16 B to 16 KiB"},
    {"aligned", run_aligned, "4 Ki slots refilled by posix_memalign with 16 B to 2 KiB, aligned to 16 B to 1 KiB"},
    {NULL, NULL, NULL},
};

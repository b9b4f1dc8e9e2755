/*
 * patterns_threads.c -- threads that start and end, that share cache lines, or that are idle; and the same total work
 * on more and more threads.
 */
#include "patterns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- churn: short-lived threads, a live set that grows and shrinks ---- */

enum {
    CHURN_ROUNDS = 112,
    CHURN_THREADS = 8,
    CHURN_SLOTS = 1 << 14,
    CHURN_KEPT = 40,  /* per percent: blocks that a thread leaves behind in the slots, at the peak of a wave */
    CHURN_OPS = 120,  /* per percent: blocks that it allocates and frees itself */
    CHURN_PERIOD = 16 /* rounds of a wave: the live set grows for half of them, then shrinks */
};

static _Atomic(char *) left_behind[CHURN_SLOTS];

typedef struct {
    size_t percent, round;
} churn_t;

static void
churn_worker(size_t number, void *context) {
    const churn_t *churn = context;
    uint64_t state = seed_of(churn->round * CHURN_THREADS + number);
    int grows = churn->round % CHURN_PERIOD < CHURN_PERIOD / 2;
    char *own[64] = {NULL};
    for (size_t i = 0; i < CHURN_OPS * churn->percent; i++) {
        free(own[i % 64]);
        own[i % 64] = filled(log_uniform(&state, 16, 8));
    }
    for (size_t i = 0; i < CHURN_KEPT * churn->percent; i++) {
        size_t slot = below(next_random(&state), CHURN_SLOTS);
        char *mine = grows ? filled(log_uniform(&state, 16, 8)) : NULL;
        free(atomic_exchange(&left_behind[slot], mine));
    }
    for (size_t i = 0; i < 64; i++) {
        free(own[i]);
    }
}

static void
run_churn(size_t percent) {
    churn_t churn = {percent, 0};
    for (; churn.round < CHURN_ROUNDS; churn.round++) {
        run_threads(CHURN_THREADS, churn_worker, &churn);
    }
}

/* ---- sharing of cache lines ---- */

enum {
    SHARERS = 2,
    SHARED_SIZE = 8,
    SHARED_WRITES = 200,
    SHARING_OPS = 20000 /* per percent and thread */
};

static void
write_often(char *block) {
    for (size_t i = 0; i < SHARED_WRITES; i++) {
        (*(volatile char *)block)++;
    }
}

static void
sharing_worker(size_t number, void *context) {
    (void)number;
    for (size_t left = SHARING_OPS * *(size_t *)context; left > 0; left--) {
        char *block = filled(SHARED_SIZE);
        write_often(block);
        free(block);
    }
}

static void
run_sharing_active(size_t percent) {
    run_threads(SHARERS, sharing_worker, &percent);
}

typedef struct {
    size_t percent;
    char *blocks[SHARERS];
} first_blocks_t;

/* The thread frees a block beside another thread's; the blocks that it then allocates should not be beside that one. */
static void
passive_worker(size_t number, void *context) {
    first_blocks_t *first = context;
    write_often(first->blocks[number]);
    free(first->blocks[number]);
    sharing_worker(number, &first->percent);
}

static void
run_sharing_passive(size_t percent) {
    first_blocks_t first = {percent, {NULL}};
    for (size_t i = 0; i < SHARERS; i++) {
        first.blocks[i] = filled(SHARED_SIZE);
    }
    run_threads(SHARERS, passive_worker, &first);
}

enum {
    NEIGHBOURS = 64, /* of each thread */
    NEIGHBOUR_SIZE = 16,
    NEIGHBOUR_ROUNDS = 5,
    NEIGHBOUR_WRITES = 20000 /* per percent, round and block */
};

typedef struct {
    size_t percent;
    char *blocks[SHARERS * NEIGHBOURS];
} neighbours_t;

/* Each thread writes to every SHARERS-th block. */
static void
neighbour_worker(size_t number, void *context) {
    neighbours_t *neighbours = context;
    for (size_t left = NEIGHBOUR_WRITES * neighbours->percent; left > 0; left--) {
        for (size_t i = number; i < SHARERS * NEIGHBOURS; i += SHARERS) {
            ++*(volatile size_t *)(void *)neighbours->blocks[i];
        }
    }
    for (size_t i = number; i < SHARERS * NEIGHBOURS; i += SHARERS) {
        free(neighbours->blocks[i]);
    }
}

static void
run_neighbours(size_t percent) {
    neighbours_t neighbours = {percent, {NULL}};
    for (size_t round = 0; round < NEIGHBOUR_ROUNDS; round++) {
        for (size_t i = 0; i < SHARERS * NEIGHBOURS; i++) {
            neighbours.blocks[i] = memset(filled(NEIGHBOUR_SIZE), 0, NEIGHBOUR_SIZE);
        }
        run_threads(SHARERS, neighbour_worker, &neighbours);
    }
}

/* ---- idle: the cost of a thread that has allocated a little and waits ---- */

enum {
    IDLE_THREADS = 512,
    IDLE_BLOCKS = 50,
    IDLE_ROUNDS = 10
};

static pthread_barrier_t all_idle;

static void
idle_worker(size_t number, void *context) {
    char *blocks[IDLE_BLOCKS];
    uint64_t state = seed_of(number);
    (void)context;
    for (size_t i = 0; i < IDLE_BLOCKS; i++) {
        blocks[i] = filled(log_uniform(&state, 16, 6));
    }
    for (size_t i = 0; i < IDLE_BLOCKS; i += 2) {
        free(blocks[i]);
    }
    pthread_barrier_wait(&all_idle);
    for (size_t i = 1; i < IDLE_BLOCKS; i += 2) {
        free(blocks[i]);
    }
}

static void
run_idle(size_t percent) {
    pthread_barrier_init(&all_idle, NULL, IDLE_THREADS);
    for (size_t round = 0; round < (IDLE_ROUNDS * percent + 99) / 100; round++) {
        run_threads(IDLE_THREADS, idle_worker, NULL);
    }
}

/* ---- the same total work on more and more threads ---- */

enum {
    SCALING_SLOTS = 256, /* per thread */
    SCALING_OPS = 300000 /* per percent, of all threads */
};

static void
scaling_worker(size_t number, void *context) {
    char *slots[SCALING_SLOTS] = {NULL};
    uint64_t state = seed_of(number);
    for (size_t left = *(size_t *)context; left > 0; left--) {
        size_t slot = below(next_random(&state), SCALING_SLOTS);
        free(slots[slot]);
        slots[slot] = filled(log_uniform(&state, 16, 6));
    }
    for (size_t i = 0; i < SCALING_SLOTS; i++) {
        free(slots[i]);
    }
}

static void
scale(size_t threads, size_t percent) {
    size_t each = SCALING_OPS * percent / threads;
    run_threads(threads, scaling_worker, &each);
}

static void
run_threads_1(size_t percent) {
    scale(1, percent);
}

static void
run_threads_2(size_t percent) {
    scale(2, percent);
}

static void
run_threads_8(size_t percent) {
    scale(8, percent);
}

static void
run_threads_64(size_t percent) {
    scale(64, percent);
}

static void
run_threads_512(size_t percent) {
    scale(512, percent);
}

const pattern_t thread_patterns[] = {
    {"churn", run_churn, "112 rounds of 8 threads; the blocks that they leave behind grow in number, then shrink"},
    {"sharing_active", run_sharing_active, "2 threads write 200 times to each 8-byte block that they allocate"},
    {"sharing_passive", run_sharing_passive, "the same, after freeing a block of the main thread beside the other's"},
    {"neighbours", run_neighbours,
     "2 threads write to every other of 128 blocks of 16 B that the main thread allocated"},
    {"idle", run_idle, "512 threads that allocate 50 small blocks each, free half of them and wait"},
    {"threads_1", run_threads_1, "random replacement of 16 B to 1 KiB in 256 slots a thread, on 1 thread"},
    {"threads_2", run_threads_2, "the same total on 2 threads"},
    {"threads_8", run_threads_8, "the same total on 8 threads"},
    {"threads_64", run_threads_64, "the same total on 64 threads"},
    {"threads_512", run_threads_512, "the same total on 512 threads"},
    {NULL, NULL, NULL},
};

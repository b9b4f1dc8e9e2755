/*
 * callgrind-middle.c -- the program of scripts/callgrind-middle: allocates and frees batches that are too large for the
 * thread's cache, so that each of their objects moves between cache and slab.
 *
 * First one object stays in each slab that a batch will use, so that no slab is made or given back while callgrind
 * counts. Pairs that hit the cache give the cost of a call without slabs, under the label "SIZE hit OBJECTS". For each
 * size and pattern, uncounted rounds let the cache grow to its full depth; then ROUNDS batches are allocated and freed,
 * and the counters are dumped under the label "SIZE PATTERN OBJECTS".
 *
 *   order     freed in the order of allocation
 *   reverse   freed last to first
 *   shuffled  freed in random order: neighbours in the cache are in different slabs
 *   other     allocated by another thread, which has ended before the frees
 *   pages     in order, and no object stays: slabs are made and given back, too
 */
#include "lunalloc.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum {
    BATCH = 4096,
    WARM_UP = 8,
    ROUNDS = 4
};

static const size_t sizes[] = {16, 64, 256, 1024};

static void *batch[BATCH], *stay[BATCH];

typedef struct {
    size_t size;
    size_t n;
} job_t;

__attribute__((noinline)) static void *
counted_mallocs(void *arg) {
    const job_t *job = arg;
    for (size_t i = 0; i < job->n; i++) {
        batch[i] = malloc(job->size);
    }
    return NULL;
}

__attribute__((noinline)) static void
counted_frees(size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(batch[i]);
    }
}

static void
swap(size_t i, size_t j) {
    void *t = batch[i];
    batch[i] = batch[j];
    batch[j] = t;
}

static void
in_order(job_t *job) {
    counted_mallocs(job);
}

static void
reversed(job_t *job) {
    counted_mallocs(job);
    for (size_t i = 0; i < job->n / 2; i++) {
        swap(i, job->n - 1 - i);
    }
}

/* xorshift64 */
static void
shuffled(job_t *job) {
    static uint64_t state = 88172645463325252u;
    counted_mallocs(job);
    for (size_t i = job->n; i > 1; i--) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        swap(i - 1, state % i);
    }
}

static void
by_another(job_t *job) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, counted_mallocs, job) != 0) {
        exit(1);
    }
    pthread_join(thread, NULL);
}

static void
dump(const char *what, const job_t *job, size_t objects) {
    char label[64];
    snprintf(label, sizeof label, "%zu %s %zu", job->size, what, objects);
    CALLGRIND_DUMP_STATS_AT(label);
}

static void
measure(const char *what, void (*allocate)(job_t *job), job_t *job, int rounds) {
    for (int round = -WARM_UP; round < rounds; round++) {
        if (round == 0) {
            CALLGRIND_ZERO_STATS;
        }
        allocate(job);
        counted_frees(job->n);
    }
    dump(what, job, job->n * (size_t)rounds);
}

/* Keeps the first object of each slab. */
static void
pin(const job_t *job) {
    size_t nstay = 0, n = 0;
    for (size_t i = 0; i < job->n; i++) {
        void *ptr = malloc(job->size);
        lunalloc_location_t place;
        if (lunalloc_find(ptr, &place) != 0) {
            exit(1);
        }
        *(place.region == 0 ? &stay[nstay++] : &batch[n++]) = ptr;
    }
    counted_frees(n);
}

int
main(void) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        job_t job = {sizes[i], BATCH}, pair = {sizes[i], 1};
        measure("hit", in_order, &pair, 100);
        measure("pages", in_order, &job, ROUNDS);
        pin(&job);
        measure("order", in_order, &job, ROUNDS);
        measure("reverse", reversed, &job, ROUNDS);
        measure("shuffled", shuffled, &job, ROUNDS);
        measure("other", by_another, &job, ROUNDS);
    }
    return 0;
}

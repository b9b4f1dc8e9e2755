/*
 * bench.c PATTERN -- one of four small patterns, run on whatever malloc the process has; prints ns per malloc + free,
 * the page faults of the run, and the process's largest resident set in KiB.
 *
 *   pair     one block of 64 bytes, over and over
 *   random   64 Ki slots, each freed and refilled in random order with 16 to 2048 bytes
 *   bulk     64 Ki blocks of 32 bytes, then all of them freed
 *   large    4 threads with 16 slots each, freed and refilled in random order with 64 KiB to 8 MiB, each size between
 *            two powers of two as likely as between any others; every page is written to
 *
 * Every block is written to. What the loops cost themselves is part of the figure, and the same for every allocator.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    SLOTS = 1 << 16,
    LARGE_THREADS = 4,
    LARGE_SLOTS = 16,
    LARGE_OPS = 1000,
    PAGE = 4096
};

static char *slots[SLOTS];

/* xorshift64 */
static uint64_t
next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static char *
filled(size_t size) {
    char *p = malloc(size);
    if (p == NULL) {
        exit(1);
    }
    *(volatile char *)p = 1;
    return p;
}

static size_t
run_pair(void) {
    size_t n = 20000000;
    for (size_t i = 0; i < n; i++) {
        free(filled(64));
    }
    return n;
}

static size_t
run_random(void) {
    size_t n = 4000000;
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next_random(&state);
        size_t slot = r % SLOTS;
        free(slots[slot]);
        slots[slot] = filled(16 + (r >> 32) % 2033);
    }
    return n;
}

static size_t
run_bulk(void) {
    size_t rounds = 60;
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < SLOTS; i++) {
            slots[i] = filled(32);
        }
        for (size_t i = 0; i < SLOTS; i++) {
            free(slots[i]);
        }
    }
    return rounds * SLOTS;
}

static void
refill_large(char **slot, uint64_t r) {
    size_t low = (size_t)65536 << r % 7;
    size_t size = low + (r >> 8) % low;
    free(*slot);
    *slot = filled(size);
    for (size_t at = 0; at < size; at += PAGE) {
        ((volatile char *)*slot)[at] = 1;
    }
}

static void *
large_thread(void *seed) {
    char *mine[LARGE_SLOTS] = {NULL};
    uint64_t state = (uint64_t)(uintptr_t)seed * 88172645463325252u;
    for (size_t i = 0; i < LARGE_OPS; i++) {
        uint64_t r = next_random(&state);
        refill_large(&mine[r % LARGE_SLOTS], r >> 16);
    }
    for (size_t i = 0; i < LARGE_SLOTS; i++) {
        free(mine[i]);
    }
    return NULL;
}

static size_t
run_large(void) {
    pthread_t threads[LARGE_THREADS];
    for (uintptr_t i = 0; i < LARGE_THREADS; i++) {
        if (pthread_create(&threads[i], NULL, large_thread, (void *)(i + 1)) != 0) {
            exit(1);
        }
    }
    for (size_t i = 0; i < LARGE_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return (size_t)LARGE_THREADS * LARGE_OPS;
}

static double
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct rusage
usage(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage;
}

static void
measure(size_t (*run)(void)) {
    struct rusage before = usage();
    double start = now();
    size_t n = run();
    double elapsed = now() - start;
    struct rusage after = usage();
    long faults = after.ru_minflt - before.ru_minflt + after.ru_majflt - before.ru_majflt;
    printf("%.2f %ld %ld\n", elapsed / (double)n, faults, after.ru_maxrss);
}

int
main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t (*run)(void);
    } patterns[] = {{"pair", run_pair}, {"random", run_random}, {"bulk", run_bulk}, {"large", run_large}};
    for (size_t i = 0; argc == 2 && i < sizeof patterns / sizeof *patterns; i++) {
        if (strcmp(argv[1], patterns[i].name) == 0) {
            measure(patterns[i].run);
            return 0;
        }
    }
    fprintf(stderr, "usage: bench pair | random | bulk | large\n");
    return 1;
}

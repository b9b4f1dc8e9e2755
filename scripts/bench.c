/*
 * bench.c PATTERN -- one of three small patterns, run on whatever malloc the process has; prints ns per malloc + free.
 *
 *   pair     one block of 64 bytes, over and over
 *   random   64 Ki slots, each freed and refilled in random order with 16 to 2048 bytes
 *   bulk     64 Ki blocks of 32 bytes, then all of them freed
 *
 * Every block is written to. What the loops cost themselves is part of the figure, and the same for every allocator.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SLOTS = 1 << 16
};

static char *slots[SLOTS];
static uint64_t state = 88172645463325252u;

/* xorshift64 */
static uint64_t
next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
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
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next_random();
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

static double
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int
main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t (*run)(void);
    } patterns[] = {{"pair", run_pair}, {"random", run_random}, {"bulk", run_bulk}};
    for (size_t i = 0; argc == 2 && i < sizeof patterns / sizeof *patterns; i++) {
        if (strcmp(argv[1], patterns[i].name) == 0) {
            double start = now();
            size_t n = patterns[i].run();
            printf("%.2f\n", (now() - start) / (double)n);
            return 0;
        }
    }
    fprintf(stderr, "usage: bench pair | random | bulk\n");
    return 1;
}

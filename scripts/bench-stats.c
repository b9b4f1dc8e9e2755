/*
 * bench-stats.c NARENAS ROUNDS -- the program of scripts/bench-stats: takes a snapshot of all statistics ROUNDS times,
 * and prints the median, the lowest and the highest time in microseconds. Each arena has slabs of every small class,
 * and large allocations with free extents between them.
 */
#include "lunalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LARGE 200

static void
fail(const char *what) {
    fprintf(stderr, "bench-stats: %s\n", what);
    exit(1);
}

static double
now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Makes an arena, allocates in it, and frees every second large allocation. */
static void
fill_arena(void) {
    static void *blocks[LARGE];
    unsigned arena;
    size_t size = sizeof arena;
    if (mallctl("arenas.create", &arena, &size, NULL, 0) != 0 ||
        mallctl("thread.arena", NULL, NULL, &arena, sizeof arena) != 0) {
        fail("no arena");
    }
    for (uint32_t i = 0; i < lunalloc_nsizes(); i++) {
        lunalloc_sizeclass_t class;
        lunalloc_sizeclass(i, &class);
        for (unsigned k = 0; k < 20 && class.nregs > 0; k++) {
            lunalloc_malloc(class.size);
        }
    }
    for (unsigned i = 0; i < LARGE; i++) {
        blocks[i] = lunalloc_malloc(16384 + (size_t)(i % 25) * 4096);
    }
    for (unsigned i = 0; i < LARGE; i += 2) {
        lunalloc_free(blocks[i]);
    }
}

static int
by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int
main(int argc, char **argv) {
    static double times[1000];
    int narenas = argc > 1 ? atoi(argv[1]) : 64;
    int rounds = argc > 2 ? atoi(argv[2]) : 101;
    if (rounds < 1 || rounds > 1000) {
        fail("1 to 1000 rounds");
    }
    for (int i = 0; i < narenas; i++) {
        fill_arena();
    }
    for (int i = 0; i < rounds; i++) {
        uint64_t epoch = 1;
        double began = now_us();
        if (mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0) {
            fail("no epoch");
        }
        times[i] = now_us() - began;
    }
    qsort(times, (size_t)rounds, sizeof times[0], by_value);
    printf("%.0f %.0f %.0f\n", times[rounds / 2], times[0], times[rounds - 1]);
    return 0;
}

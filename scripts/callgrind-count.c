/*
 * callgrind-count.c -- the program of scripts/callgrind-count: calls malloc and free that hit the thread's cache.
 *
 * For each size it makes enough calls to fill the cache, then WINDOWS short windows of CALLS pairs, then one long run.
 * After each it makes callgrind dump its counters, under the label "SIZE hit" or "SIZE run".
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

enum {
    DEPTH = 4,
    CALLS = 40,
    WINDOWS = 5,
    LONG_RUN = 20000
};

static const size_t sizes[] = {8, 16, 64, 100, 256, 1024, 4096};

/* Holds at most DEPTH blocks, so that the cache is neither full nor empty at any call. */
__attribute__((noinline)) static void
counted_calls(size_t size, int calls) {
    void *blocks[DEPTH];
    for (int i = 0; i < calls; i += DEPTH) {
        for (int j = 0; j < DEPTH; j++) {
            blocks[j] = malloc(size);
        }
        for (int j = DEPTH; j > 0; j--) {
            free(blocks[j - 1]);
        }
    }
}

static void
dump(size_t size, const char *what) {
    char label[32];
    snprintf(label, sizeof label, "%zu %s", size, what);
    CALLGRIND_DUMP_STATS_AT(label);
}

/* From the read of thread.allocatedp on, the thread's byte counters are exact after each call. */
static int
meter(void) {
    int (*ctl)(const char *, void *, size_t *, void *, size_t) = 0;
    unsigned long long *total;
    size_t len = sizeof total;
    *(void **)&ctl = dlsym(dlopen(NULL, RTLD_NOW), "mallctl");
    return ctl != 0 ? ctl("thread.allocatedp", &total, &len, 0, 0) : 1;
}

int
main(int argc, char **argv) {
    (void)argv;
    if (argc > 1 && meter() != 0) {
        return 1;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        counted_calls(sizes[i], 400);
        for (int window = 0; window < WINDOWS; window++) {
            CALLGRIND_ZERO_STATS;
            counted_calls(sizes[i], CALLS);
            dump(sizes[i], "hit");
        }
        CALLGRIND_ZERO_STATS;
        counted_calls(sizes[i], LONG_RUN);
        dump(sizes[i], "run");
    }
    return 0;
}

/*
 * bench-attach.c EXTENTS -- a process with that many extents, half of them free, that goes on allocating. It writes
 * "ready"; from then on, each line that it reads is answered by the ns of the longest and of the 10,000th longest
 * allocation since the last one.
 *
 * bench-attach.c pairs N -- frees and allocates N times, as the thread's cache serves it; prints the seconds of
 * processor time that this took.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SIZE = 20000, /* a large class: each block is an extent */
    SLOTS = 1 << 16,
    NS_PER_SLOT = 100
};

static uint32_t histogram[SLOTS]; /* of times, the last one of all that are longer */
static uint64_t longest, count;

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Replaces a block, and counts how long that took. */
static void
replace(void **block, size_t size) {
    uint64_t start = now();
    free(*block);
    *block = malloc(size);
    uint64_t ns = now() - start;
    longest = ns > longest ? ns : longest;
    histogram[ns / NS_PER_SLOT < SLOTS ? ns / NS_PER_SLOT : SLOTS - 1]++;
    count++;
}

/* The time that one in 10,000 allocations exceeds. */
static uint64_t
one_in_10000(void) {
    uint64_t above = 0;
    size_t slot = SLOTS;
    while (slot > 0 && above * 10000 <= count) {
        above += histogram[--slot];
    }
    return slot * NS_PER_SLOT;
}

static void
answer(void) {
    char line[16];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(0);
    }
    printf("%llu %llu\n", (unsigned long long)longest, (unsigned long long)one_in_10000());
    fflush(stdout);
    longest = count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        histogram[i] = 0;
    }
}

static int
pairs(size_t n) {
    void *volatile block;
    clock_t start = clock();
    for (size_t i = 0; i < n; i++) {
        block = malloc(64);
        free(block);
    }
    printf("%.6f\n", (double)(clock() - start) / CLOCKS_PER_SEC);
    return 0;
}

int
main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "pairs") == 0) {
        return pairs(strtoul(argv[2], NULL, 10));
    }
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    void **blocks = calloc(n, sizeof(*blocks)), *small = NULL;
    for (size_t i = 0; i < n; i++) {
        blocks[i] = malloc(SIZE);
    }
    for (size_t i = 0; i < n; i += 2) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    puts("ready");
    fflush(stdout);
    for (size_t i = 0;; i = (i + 2) % (n / 2 * 2)) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        replace(&small, i % 4000);
        replace(&blocks[i], SIZE + 4096);
        if (i % 64 == 0 && poll(&input, 1, 1) > 0) {
            answer();
        }
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

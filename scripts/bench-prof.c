/*
 * bench-prof.c off|LG ROUNDS PAIRS -- the program of scripts/bench-prof: a loop of malloc and free, with or without
 * profiling.
 *
 * Sizes are log-uniform from 16 bytes to 1 KiB (252 bytes in the mean), 4,096 blocks live, each replaced in random
 * order, some calls deep. Prints the nanoseconds of each round; every second round runs with profiling. With 0 rounds
 * the loop runs once: without profiling if the first argument is `off`, else with it, one sample in 2^LG bytes on
 * average. callgrind counts the function `counted`.
 */
#include "lunalloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS 4096
#define DEPTH 8

static void *slots[SLOTS];
static uint64_t seed = 88172645463325252;

static uint64_t
next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void
work(size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        uint64_t r = next_random();
        size_t low = (size_t)16 << (r >> 32) % 6;
        void **slot = &slots[r % SLOTS];
        free(*slot);
        *slot = malloc(low + (r >> 40) % low);
    }
}

static __attribute__((noinline)) void
deep(size_t pairs, unsigned depth) {
    if (depth == 0) {
        work(pairs);
    } else {
        deep(pairs, depth - 1);
    }
    __asm__ volatile("");
}

__attribute__((noinline)) void counted(size_t pairs);

__attribute__((noinline)) void
counted(size_t pairs) {
    deep(pairs, DEPTH);
    __asm__ volatile("");
}

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void
set_rate(size_t lg) {
    if (mallctl("prof.reset", NULL, NULL, &lg, sizeof lg) != 0) {
        exit(1);
    }
}

static void
profile(bool on) {
    if (mallctl("prof.active", NULL, NULL, &on, sizeof on) != 0) {
        exit(1);
    }
}

/* Off and on in turn, so that other load on the machine affects both alike. */
static void
take_turns(size_t rounds, size_t pairs) {
    for (size_t i = 0; i < 2 * rounds; i++) {
        bool on = (i + i / 2) % 2 != 0;
        profile(on);
        deep(20000, DEPTH);
        uint64_t began = now();
        counted(pairs);
        printf("%s %llu\n", on ? "on" : "off", (unsigned long long)(now() - began));
    }
}

int
main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: bench-prof off|LG ROUNDS PAIRS\n");
        return 1;
    }
    size_t rounds = strtoul(argv[2], NULL, 10), pairs = strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "off") != 0) {
        set_rate(strtoul(argv[1], NULL, 10));
        profile(true);
    }
    deep(1000000, DEPTH);
    if (rounds > 0) {
        take_turns(rounds, pairs);
    } else {
        counted(pairs);
    }
    return 0;
}

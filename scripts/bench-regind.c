/*
 * bench-regind.c WAY PATTERN REPEATS -- the program of scripts/bench-regind: computes the index of a region in its slab
 * from an address, and prints nanoseconds per index. WAY is one of:
 *
 *   division     a division by the class's size
 *   switch       a switch over the classes, in which the compiler reduces each division by a constant
 *   reciprocal   a multiplication by a constant computed at boot (base/bits.h), as in slab_regind
 *   nothing      the loop and its loads alone
 *
 * PATTERN is `one` (all addresses are of one class, as in a flush) or `mixed` (each is of a random class). The classes
 * are the allocator's; "cases.h", which scripts/bench-regind writes, holds one `case` per class.
 */
#include "base/bits.h"
#include "base/sc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    N = 1 << 14
};

/* Addresses, given as offsets into their slabs. */
static struct { uint32_t szind, offset; } places[N];

static inline uint32_t
by_division(uint32_t szind, uint32_t offset) {
    return offset / (uint32_t)sc.size[szind];
}

static inline uint32_t
by_switch(uint32_t szind, uint32_t offset) {
    (void)offset;
    switch (szind) {
#if __has_include("cases.h")
#include "cases.h"
#endif
    default:
        __builtin_unreachable();
    }
}

static inline uint32_t
by_reciprocal(uint32_t szind, uint32_t offset) {
    return div_by(offset, sc.magic[szind]);
}

static inline uint32_t
by_nothing(uint32_t szind, uint32_t offset) {
    return szind ^ offset;
}

/* A loop for each way, into which the way is compiled. */
ALWAYS_INLINE uint32_t
loop(uint32_t (*way)(uint32_t szind, uint32_t offset)) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < N; i++) {
        sum += way(places[i].szind, places[i].offset);
    }
    return sum;
}

NOINLINE static uint32_t
loop_division(void) {
    return loop(by_division);
}

NOINLINE static uint32_t
loop_switch(void) {
    return loop(by_switch);
}

NOINLINE static uint32_t
loop_reciprocal(void) {
    return loop(by_reciprocal);
}

NOINLINE static uint32_t
loop_nothing(void) {
    return loop(by_nothing);
}

static const struct {
    const char *name;
    uint32_t (*loop)(void);
} ways[] = {
    {"division", loop_division},
    {"switch", loop_switch},
    {"reciprocal", loop_reciprocal},
    {"nothing", loop_nothing},
};

/* Keeps the compiler from dropping the result. */
static volatile uint32_t sink;

static void
fill_places(bool mixed) {
    uint64_t state = 88172645463325252u;
    for (unsigned i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t szind = mixed ? (uint32_t)(state >> 33) % sc.nsmall : sc_index(96);
        places[i].szind = szind;
        places[i].offset = (uint32_t)(state >> 13) % atomic_get(&sc.slab_size[szind]);
    }
}

/* Ends the process if a way gives another index than division. */
static void
check_ways(void) {
    for (unsigned i = 0; i < N; i++) {
        uint32_t expected = by_division(places[i].szind, places[i].offset);
        if (by_switch(places[i].szind, places[i].offset) != expected ||
            by_reciprocal(places[i].szind, places[i].offset) != expected) {
            fprintf(stderr, "bench-regind: the ways disagree on class %u, offset %u\n", places[i].szind,
                    places[i].offset);
            exit(1);
        }
    }
}

static double
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int
main(int argc, char **argv) {
    unsigned repeats = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    sc_boot((sc_config_t){.lg_page = 12, .lg_quantum = 4, .lg_ngroup = 2});
    fill_places(argc == 4 && strcmp(argv[2], "mixed") == 0);
    check_ways();
    for (size_t i = 0; repeats > 0 && i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            double start = now();
            for (unsigned j = 0; j < repeats; j++) {
                sink += ways[i].loop();
            }
            printf("%.3f\n", (now() - start) / N / repeats);
            return 0;
        }
    }
    fprintf(stderr, "usage: bench-regind division | switch | reciprocal | nothing  one | mixed  REPEATS\n");
    return 1;
}

/*
 * patterns.h -- helpers for the patterns of allocation, and the rules for writing one.
 *
 * A pattern does the same work on every malloc: its sizes, orders and counts derive from fixed seeds and constants, and
 * nothing in it depends on a clock, on the number of processors, or on addresses. It calls the standard functions only,
 * and writes to every block that it allocates. `percent` scales the amount of work, not the amount of live memory.
 */
#ifndef BENCH_PATTERNS_H
#define BENCH_PATTERNS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    void (*run)(size_t percent);
    const char *doc;
} pattern_t;

/* The patterns of each file; the last element has no name. */
extern const pattern_t small_patterns[], travel_patterns[], handed_patterns[], thread_patterns[], live_patterns[],
    large_patterns[];

/* The function that a thread runs; it gets the thread's number, 0 .. n - 1. */
typedef void (*worker_t)(size_t number, void *context);

/* Runs n threads at once, and waits until they end. */
void run_threads(size_t n, worker_t worker, void *context);

/* Ends the process with a message: memory or threads are exhausted. */
_Noreturn void give_up(const char *what);

/* malloc or realloc that never fails: give_up. filled writes to the first byte, filled_pages to each page. */
char *filled(size_t size);
char *resized(char *block, size_t size);
char *filled_pages(size_t size);

void write_pages(char *block, size_t from, size_t to);

/* xorshift64*; a state is never 0. */
static inline uint64_t
next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static inline uint64_t
seed_of(size_t number) {
    return (number + 1) * 0x9e3779b97f4a7c15u;
}

static inline size_t
below(uint64_t random, size_t n) {
    return (size_t)((random >> 32) * n >> 32);
}

/* A size from low to low << doublings, log-uniform: it is as likely between any two successive powers of two. */
static inline size_t
log_uniform(uint64_t *state, size_t low, size_t doublings) {
    size_t base = low << below(next_random(state), doublings);
    return base + below(next_random(state), base);
}

#endif

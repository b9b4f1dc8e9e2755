/*
 * patterns.h -- what the patterns of allocation share.
 *
 * A pattern does the same work whatever malloc is: its sizes, orders and counts come from fixed seeds and constants,
 * and nothing in it looks at a clock, at the number of processors, or at addresses. It uses the standard names only,
 * and writes to every block that it gets. `percent` scales the amount of work, not the amount of live memory.
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

/* Each ends with a row without a name. */
extern const pattern_t small_patterns[], travel_patterns[], thread_patterns[], large_patterns[];

/* A thread's function, called with the thread's number. */
typedef void (*worker_t)(size_t number, void *context);

/* Runs so many threads at once, and waits for their ends. */
void run_threads(size_t n, worker_t worker, void *context);

/* Ends the process: no memory, or no thread. */
_Noreturn void give_up(const char *what);

/* A block whose first byte is written, or every page of it; a block that was resized. */
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

/* low << 0 .. doublings: between any two powers of two as likely as between any others. */
static inline size_t
log_uniform(uint64_t *state, size_t low, size_t doublings) {
    size_t base = low << below(next_random(state), doublings);
    return base + below(next_random(state), base);
}

#endif

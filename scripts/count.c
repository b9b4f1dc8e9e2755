/*
 * count.c SCENARIO [DIVISOR] -- a scenario for scripts/count-pages and scripts/count-locks, run on whatever malloc the
 * process has. Prints operations, page faults, wall nanoseconds, peak RSS in KiB, and, where the process's malloc is
 * lunalloc, its purges and the bytes that they gave back. DIVISOR: so many times fewer operations.
 *
 *   huge     8 slots, freed and refilled in random order with 5 to 25 MiB
 *   large    4 threads with 16 slots each, the same with 64 KiB to 8 MiB
 *   vectors  4 vectors at a time that grow by half by realloc, in turns, from 64 bytes to 8 MiB; then the next four
 *   steps    the same in steps of 64 KiB
 *   churn    threads come, four at a time, and go; each frees what it finds in shared slots and leaves new blocks
 *            of 16 bytes to 64 KiB there, so that the live set grows for some generations and shrinks for others
 *   small    4 threads with 4096 slots each, freed and refilled in random order with 16 to 2048 bytes
 *   remote   2 pairs of threads: one allocates 16 to 512 bytes in batches of 1000, the other one frees them
 *
 * One operation is one malloc with its free, or one realloc. Every page of a new block is written to, and of a grown
 * one every new page.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <valgrind/callgrind.h>

enum {
    KIB = 1 << 10,
    MIB = 1 << 20,
    PAGE = 4096,
    SLOTS = 4096,
    THREADS = 4,
    BATCH = 1000,
    SHARED = 4096
};

static size_t divisor = 1;

/* xorshift64 */
static uint64_t
next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t
seed_of(uintptr_t n) {
    return (n + 1) * UINT64_C(88172645463325252);
}

static void
write_pages(char *p, size_t from, size_t to) {
    if (p == NULL) {
        exit(1);
    }
    for (size_t at = from; at < to; at += PAGE) {
        ((volatile char *)p)[at] = 1;
    }
}

static char *
filled(size_t size) {
    char *p = malloc(size);
    write_pages(p, 0, size);
    return p;
}

/* Each size between two powers of two as likely as between any others: low << k, for k < doublings. */
static size_t
log_uniform(uint64_t r, size_t low, unsigned doublings) {
    low <<= r % doublings;
    return low + (r >> 8) % low;
}

static size_t
run_huge(void) {
    char *slots[8] = {NULL};
    uint64_t state = seed_of(0);
    size_t n = 1000 / divisor;
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next_random(&state);
        free(slots[r % 8]);
        slots[r % 8] = filled((size_t)5 * MIB + (r >> 16) % (20 * MIB));
    }
    for (size_t i = 0; i < 8; i++) {
        free(slots[i]);
    }
    return n;
}

/* ---- threads ---- */

/* Runs a function on THREADS threads, which are given 0, 1, ...; each returns its number of operations. */
static size_t
on_threads(void *(*function)(void *)) {
    pthread_t threads[THREADS];
    size_t n = 0;
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, function, (void *)i) != 0) {
            exit(1);
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        n += (uintptr_t)result;
    }
    return n;
}

/* n operations on so many slots of its own. */
static void *
refill(uint64_t state, size_t nslots, size_t n, size_t low, unsigned doublings) {
    char **slots = calloc(nslots, sizeof *slots);
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next_random(&state);
        free(slots[r % nslots]);
        slots[r % nslots] = filled(log_uniform(r >> 16, low, doublings));
    }
    for (size_t i = 0; i < nslots; i++) {
        free(slots[i]);
    }
    free(slots);
    return (void *)(uintptr_t)n;
}

static void *
large_thread(void *index) {
    return refill(seed_of((uintptr_t)index), 16, 1000 / divisor, 64 * KIB, 7);
}

static size_t
run_large(void) {
    return on_threads(large_thread);
}

static void *
small_thread(void *index) {
    return refill(seed_of((uintptr_t)index), SLOTS, 1000000 / divisor, 16, 7);
}

static size_t
run_small(void) {
    return on_threads(small_thread);
}

/* ---- growth ---- */

typedef struct {
    char *data;
    size_t size;
} vector_t;

static size_t
half_more(size_t size) {
    return size == 0 ? 64 : size + size / 2;
}

static size_t
a_step_more(size_t size) {
    return size + 64 * KIB;
}

static bool
grow(vector_t *v, size_t (*next)(size_t)) {
    size_t size = next(v->size);
    if (size > 8 * MIB) {
        return false;
    }
    v->data = realloc(v->data, size);
    write_pages(v->data, v->size, size);
    v->size = size;
    return true;
}

static size_t
run_vectors_of(size_t (*next)(size_t), size_t rounds) {
    size_t n = 0;
    for (size_t round = 0; round < rounds; round++) {
        vector_t vectors[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
        for (size_t i = 0; grow(&vectors[i % 4], next); i++) {
            n++;
        }
        for (size_t i = 0; i < 4; i++) {
            free(vectors[i].data);
        }
    }
    return n;
}

static size_t
run_vectors(void) {
    return run_vectors_of(half_more, 200 / divisor);
}

static size_t
run_steps(void) {
    return run_vectors_of(a_step_more, 20 / divisor + 1);
}

/* ---- threads that come and go ---- */

static char *_Atomic shared[SHARED];
static size_t generation;

/* The live set is a window of the shared slots that widens for eight generations and narrows for as many. */
static size_t
window(void) {
    size_t phase = generation % 16;
    size_t step = phase < 8 ? phase + 1 : 16 - phase;
    return SHARED * step / 8;
}

static void *
churn_thread(void *index) {
    uint64_t state = seed_of(generation * THREADS + (uintptr_t)index);
    size_t live = window();
    size_t n = 0;
    for (; n < 2000; n++) {
        uint64_t r = next_random(&state);
        size_t slot = r % SHARED;
        char *new = slot < live ? filled(log_uniform(r >> 16, 16, 12)) : NULL;
        free(atomic_exchange(&shared[slot], new));
    }
    return (void *)(uintptr_t)n;
}

static size_t
run_churn(void) {
    size_t n = 0;
    for (generation = 0; generation < 320 / divisor; generation++) {
        n += on_threads(churn_thread);
    }
    return n;
}

/* ---- one thread allocates, another one frees ---- */

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool full;
    char *blocks[BATCH];
} mailbox_t;

static mailbox_t mailboxes[THREADS / 2] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
};

/* Waits until the box is full or not, as said, exchanges its blocks with the caller's, and turns it round. */
static void
exchange(mailbox_t *box, bool full, char **blocks) {
    pthread_mutex_lock(&box->lock);
    while (box->full != full) {
        pthread_cond_wait(&box->changed, &box->lock);
    }
    for (size_t i = 0; i < BATCH; i++) {
        char *theirs = box->blocks[i];
        box->blocks[i] = blocks[i];
        blocks[i] = theirs;
    }
    box->full = !full;
    pthread_cond_signal(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

static void *
remote_thread(void *index) {
    char *blocks[BATCH] = {NULL};
    uint64_t state = seed_of((uintptr_t)index);
    mailbox_t *box = &mailboxes[(uintptr_t)index / 2];
    bool frees = (uintptr_t)index % 2 == 1;
    size_t rounds = 1000 / divisor;
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < BATCH && !frees; i++) {
            blocks[i] = filled(log_uniform(next_random(&state), 16, 5));
        }
        exchange(box, frees, blocks);
        for (size_t i = 0; i < BATCH && frees; i++) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    }
    return (void *)(frees ? 0 : rounds * BATCH);
}

static size_t
run_remote(void) {
    return on_threads(remote_thread);
}

/* ---- figures ---- */

typedef int control_t(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);

/* The sum over all arenas; "-" where the process's malloc has no such figure. */
static void
print_stat(const char *what) {
    union {
        void *object;
        control_t *function;
    } mallctl = {.object = dlsym(RTLD_DEFAULT, "mallctl")};
    uint64_t sum = 0;
    bool known = false;
    for (unsigned arena = 0; mallctl.object != NULL && arena < 64; arena++) {
        char name[64];
        uint64_t value;
        size_t size = sizeof value;
        snprintf(name, sizeof name, "stats.arenas.%u.%s", arena, what);
        if (mallctl.function(name, &value, &size, NULL, 0) == 0) {
            sum += value;
            known = true;
        }
    }
    printf(known ? " %llu" : " -", (unsigned long long)sum);
}

static long
page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static double
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
measure(size_t (*run)(void)) {
    long before = page_faults();
    CALLGRIND_ZERO_STATS;
    double start = now();
    size_t n = run();
    double elapsed = now() - start;
    CALLGRIND_DUMP_STATS;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%zu %ld %.0f %ld", n, page_faults() - before, elapsed, usage.ru_maxrss);
    print_stat("npurges");
    print_stat("purged");
    printf("\n");
}

int
main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t (*run)(void);
    } scenarios[] = {{"huge", run_huge},   {"large", run_large}, {"vectors", run_vectors}, {"steps", run_steps},
                     {"churn", run_churn}, {"small", run_small}, {"remote", run_remote}};
    divisor = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    for (size_t i = 0; argc > 1 && divisor > 0 && i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(argv[1], scenarios[i].name) == 0) {
            measure(scenarios[i].run);
            return 0;
        }
    }
    fprintf(stderr, "usage: count huge | large | vectors | steps | churn | small | remote [DIVISOR]\n");
    return 1;
}

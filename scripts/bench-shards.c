/*
 * bench-shards.c ROUNDS -- the program of scripts/bench-shards, which preloads the library: threads of one arena
 * without caches, with 1 and with 2 bin shards in turn. Prints a line for each round: "shards  pairs  acquisitions
 * spins  sleeps  nanoseconds". A pair is an allocation and the free of another block of the thread; acquisitions, spins
 * and sleeps are the counters of the bin's locks; the time is that of a pair.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NTHREADS 2U
#define NPAIRS   2000000U
#define NHELD    256U
#define SIZE     64

typedef int ctl_t(const char *, void *, size_t *, void *, size_t);
static ctl_t *ctl;
static unsigned class;

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
must(int error, const char *name) {
    if (error != 0) {
        fprintf(stderr, "%s: error %d\n", name, error);
        exit(1);
    }
}

static void
find_class(void) {
    size_t size = 0, len = sizeof size;
    for (class = 0; size < SIZE; class ++) {
        char name[64];
        snprintf(name, sizeof name, "arenas.bin.%u.size", class);
        must(ctl(name, &size, &len, NULL, 0), name);
    }
    class --;
}

static void
set_nshards(unsigned n) {
    char name[64];
    snprintf(name, sizeof name, "arenas.bin.%u.nshards", class);
    must(ctl(name, NULL, NULL, &n, sizeof n), name);
}

static uint64_t
figure(const char *which) {
    char name[96];
    uint64_t value, epoch = 1;
    size_t len = sizeof value;
    must(ctl("epoch", NULL, NULL, &epoch, sizeof epoch), "epoch");
    snprintf(name, sizeof name, "stats.arenas.0.bins.%u.mutex.%s", class, which);
    must(ctl(name, &value, &len, NULL, 0), name);
    return value;
}

static void *
work(void *arg) {
    void *held[NHELD] = {NULL};
    for (unsigned i = 0; i < NPAIRS; i++) {
        free(held[i % NHELD]);
        held[i % NHELD] = malloc(SIZE);
    }
    for (unsigned i = 0; i < NHELD; i++) {
        free(held[i]);
    }
    return arg;
}

/* The ith of the processors that this process may run on. */
static cpu_set_t
processor(unsigned i) {
    cpu_set_t all, one;
    size_t cpu = 0;
    CPU_ZERO(&one);
    must(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
    for (i %= (unsigned)CPU_COUNT(&all); !CPU_ISSET(cpu, &all) || i-- > 0;) {
        cpu++;
    }
    CPU_SET(cpu, &one);
    return one;
}

/* Each thread gets a processor of its own if there are enough: else the scheduler decides whether threads meet. */
static pthread_t
start(unsigned i) {
    pthread_t thread;
    pthread_attr_t attr;
    cpu_set_t own = processor(i);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof own, &own);
    must(pthread_create(&thread, &attr, work, NULL), "pthread_create");
    pthread_attr_destroy(&attr);
    return thread;
}

static void
run_round(unsigned nshards) {
    pthread_t threads[NTHREADS];
    set_nshards(nshards);
    must(ctl("stats.mutexes.reset", NULL, NULL, NULL, 0), "stats.mutexes.reset");
    uint64_t began = now();
    for (unsigned i = 0; i < NTHREADS; i++) {
        threads[i] = start(i);
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    double ns = (double)(now() - began) / NPAIRS;
    printf("%u %u %ju %ju %ju %.1f\n", nshards, NTHREADS * NPAIRS, (uintmax_t)figure("num_ops"),
           (uintmax_t)figure("num_spin_acq"), (uintmax_t)figure("num_wait"), ns);
}

int
main(int argc, char **argv) {
    ctl = (ctl_t *)dlsym(RTLD_DEFAULT, "mallctl");
    if (ctl == NULL) {
        fputs("no mallctl: the library is not preloaded\n", stderr);
        return 1;
    }
    find_class();
    for (int i = argc > 1 ? atoi(argv[1]) : 7; i > 0; i--) {
        run_round(1);
        run_round(2);
    }
    return 0;
}

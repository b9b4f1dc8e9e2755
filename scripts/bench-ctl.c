/*
 * bench-ctl.c -- how long the process's mallctl family takes: one line "name  nanoseconds" for each control and way to
 * ask, the least of several rounds; and "snapshot" with 64 arenas. scripts/bench-ctl preloads the allocators.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 7

typedef int ctl_t(const char *, void *, size_t *, void *, size_t);
typedef int tomib_t(const char *, size_t *, size_t *);
typedef int bymib_t(const size_t *, size_t, void *, size_t *, void *, size_t);

static ctl_t *ctl;
static tomib_t *to_mib;
static bymib_t *by_mib;

static const char *const names[] = {"stats.allocated",       "stats.arenas.0.small.nmalloc",
                                    "stats.arenas.0.mapped", "stats.arenas.0.bins.3.nmalloc",
                                    "arenas.nbins",          "arenas.bin.5.size",
                                    "opt.narenas",           "opt.dirty_decay_ms",
                                    "thread.allocated",      "thread.deallocated",
                                    "arena.0.dirty_decay_ms"};
#define NNAMES (sizeof names / sizeof names[0])

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What is asked, and by which way. */
typedef struct {
    const char *name;
    size_t mib[8], len, size;
} ask_t;

static int
ask_by_name(ask_t *ask) {
    uint64_t value;
    size_t size = ask->size;
    return ctl(ask->name, &value, &size, NULL, 0);
}

static int
ask_by_mib(ask_t *ask) {
    uint64_t value;
    size_t size = ask->size;
    return by_mib(ask->mib, ask->len, &value, &size, NULL, 0);
}

static int
ask_for_mib(ask_t *ask) {
    ask->len = 8;
    return to_mib(ask->name, ask->mib, &ask->len);
}

static double
least_ns(int (*call)(ask_t *), ask_t *ask, unsigned n) {
    uint64_t least = UINT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (unsigned i = 0; i < n; i++) {
            call(ask);
        }
        uint64_t took = now() - start;
        least = took < least ? took : least;
    }
    return (double)least / n;
}

/* The size of the value: what the control takes. */
static int
prepare(ask_t *ask) {
    static const size_t sizes[] = {8, 4, 1};
    for (unsigned i = 0; i < 3; i++) {
        ask->size = sizes[i];
        if (ask_by_name(ask) == 0) {
            return ask_for_mib(ask);
        }
    }
    return -1;
}

static int
new_epoch(ask_t *ask) {
    uint64_t any = 1;
    (void)ask;
    return ctl("epoch", NULL, NULL, &any, sizeof any);
}

static void
make_arenas(unsigned n) {
    unsigned count, made;
    size_t size = sizeof count;
    while (ctl("arenas.narenas", &count, &size, NULL, 0) == 0 && count < n) {
        ctl("arenas.create", &made, &size, NULL, 0);
    }
}

int
main(int argc, char **argv) {
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
    ctl = (ctl_t *)dlsym(RTLD_DEFAULT, "mallctl");
    to_mib = (tomib_t *)dlsym(RTLD_DEFAULT, "mallctlnametomib");
    by_mib = (bymib_t *)dlsym(RTLD_DEFAULT, "mallctlbymib");
    if (ctl == NULL || to_mib == NULL || by_mib == NULL) {
        return 2;
    }
    for (unsigned i = 0; i < NNAMES; i++) {
        ask_t ask = {.name = names[i]};
        if (prepare(&ask) == 0) {
            printf("mallctlbymib %s %.1f\n", names[i], least_ns(ask_by_mib, &ask, n));
            printf("mallctl %s %.1f\n", names[i], least_ns(ask_by_name, &ask, n));
            printf("mallctlnametomib %s %.1f\n", names[i], least_ns(ask_for_mib, &ask, n));
        }
    }
    make_arenas(64);
    printf("epoch 64_arenas %.1f\n", least_ns(new_epoch, NULL, 20));
    return 0;
}

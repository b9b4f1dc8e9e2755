/*
 * bench-ctl.c [CALLS] -- the program of scripts/bench-ctl, which preloads the allocators: measures the mallctl family.
 * Prints a line "FUNCTION NAME NANOSECONDS" for each control and function, the least of several rounds of CALLS calls
 * (default 100,000); and one for a new epoch with 64 arenas.
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

/* A control: its name, its MIB and the size of its value. */
typedef struct {
    const char *name;
    size_t mib[8], len, size;
} control_t;

static int
read_by_name(control_t *control) {
    uint64_t value;
    size_t size = control->size;
    return ctl(control->name, &value, &size, NULL, 0);
}

static int
read_by_mib(control_t *control) {
    uint64_t value;
    size_t size = control->size;
    return by_mib(control->mib, control->len, &value, &size, NULL, 0);
}

static int
name_to_mib(control_t *control) {
    control->len = 8;
    return to_mib(control->name, control->mib, &control->len);
}

static double
least_ns(int (*call)(control_t *), control_t *control, unsigned n) {
    uint64_t least = UINT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (unsigned i = 0; i < n; i++) {
            call(control);
        }
        uint64_t took = now() - start;
        least = took < least ? took : least;
    }
    return (double)least / n;
}

/* Finds the size of the value by trying, and the MIB. */
static int
prepare(control_t *control) {
    static const size_t sizes[] = {8, 4, 1};
    for (unsigned i = 0; i < 3; i++) {
        control->size = sizes[i];
        if (read_by_name(control) == 0) {
            return name_to_mib(control);
        }
    }
    return -1;
}

static int
new_epoch(control_t *control) {
    uint64_t any = 1;
    (void)control;
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
        control_t control = {.name = names[i]};
        if (prepare(&control) == 0) {
            printf("mallctlbymib %s %.1f\n", names[i], least_ns(read_by_mib, &control, n));
            printf("mallctl %s %.1f\n", names[i], least_ns(read_by_name, &control, n));
            printf("mallctlnametomib %s %.1f\n", names[i], least_ns(name_to_mib, &control, n));
        }
    }
    make_arenas(64);
    printf("epoch 64_arenas %.1f\n", least_ns(new_epoch, NULL, 20));
    return 0;
}

/*
 * doctor.c -- programs that are ill, each in one way, for the doctor's test: `doctor NAME` plants the illness, prints
 * "ready", lives on until its standard input ends, and ends with status 0. doctor.lua has the settings for each.
 *
 * The illness is planted on a thread that ends, except where threads are the illness. A living program allocates: a
 * thread takes and frees a large block 50 times a second, unless the illness is that nobody does.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A function that no caller looks into. */
#if defined(__clang__)
#define OPAQUE_CALL __attribute__((noinline))
#else
#define OPAQUE_CALL __attribute__((noipa))
#endif

enum {
    KIB = 1 << 10,
    MIB = 1 << 20,
    THREADS = 16
};

static void
rest(long ms) {
    struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&span, NULL);
}

/* A block whose pages are all resident. */
static void *
touched(size_t size) {
    void *block = malloc(size);
    if (block == NULL) {
        exit(3);
    }
    memset(block, 1, size);
    return block;
}

static pthread_t
start(void *(*run)(void *), void *arg) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, arg) != 0) {
        exit(4);
    }
    return thread;
}

/* ---- life ---- */

/* Allocates and frees a block that no cache holds, now and then. */
static void *
live(void *arg) {
    for (;;) {
        free(touched(MIB));
        rest(20);
    }
    return arg;
}

/* The same with blocks that are just too large for caches. */
static void *
stir(void *arg) {
    for (;;) {
        free(touched(48 * KIB));
        rest(20);
    }
    return arg;
}

/* Its blocks stay, and are larger than the free extents that scattered() leaves. */
static void *
grow(void *arg) {
    for (;;) {
        *(void *volatile *)arg = touched(256 * KIB);
        rest(100);
    }
    return arg;
}

/* Takes the lock of one bin with each call, as there are no caches (tcache:false). */
static void *
contend(void *arg) {
    void *volatile block;
    for (;;) {
        block = malloc(64);
        free(block);
    }
    return arg;
}

/* ---- illnesses ---- */

/* Free pages, which the settings keep: 96 MiB. */
static void
hoard(void) {
    static void *blocks[192];
    for (size_t i = 0; i < 192; i++) {
        blocks[i] = touched(512 * KIB);
    }
    for (size_t i = 0; i < 192; i++) {
        free(blocks[i]);
    }
}

/* Free extents of 64 KiB between blocks in use: 64 MiB. */
static void
scatter(void) {
    static void *blocks[2048], *sink;
    for (size_t i = 0; i < 2048; i++) {
        blocks[i] = touched(64 * KIB);
    }
    for (size_t i = 0; i < 2048; i += 2) {
        free(blocks[i]);
    }
    start(grow, &sink);
}

enum {
    SMALL = 200000,
    PER_SLAB = 18
};

static void *small[SMALL];

/* Two functions for a profile to tell apart: neither becomes the other, nor a part of its caller. */
OPAQUE_CALL static void *
make_temporary(size_t size) {
    void *volatile block = touched(size);
    return block;
}

OPAQUE_CALL static void *
make_lasting(size_t size) {
    void *volatile block = touched(size);
    return block;
}

/* Blocks of class 448, of which one in each slab stays: 90 MiB, and 5 MiB in use. */
static void
fragment(void) {
    for (size_t i = 0; i < SMALL; i++) {
        small[i] = i % PER_SLAB == 0 ? make_lasting(448) : make_temporary(448);
    }
    for (size_t i = 0; i < SMALL; i++) {
        if (i % PER_SLAB != 0) {
            free(small[i]);
        }
    }
}

/* Every class that caches hold, as many objects as they hold, several times, because a cache deepens with use. */
static void *
fill_cache(void *arg) {
    static __thread void *blocks[4096];
    for (int round = 0; round < 12; round++) {
        for (size_t size = 64; size <= 32 * KIB; size += size / 4) {
            size_t n = 128 * KIB / size;
            for (size_t i = 0; i < n; i++) {
                blocks[i] = touched(size);
            }
            for (size_t i = 0; i < n; i++) {
                free(blocks[i]);
            }
        }
    }
    return stir(arg);
}

static void
fill_caches(void) {
    for (int i = 0; i < THREADS; i++) {
        start(fill_cache, NULL);
    }
    rest(1500);
}

/* Leaves free pages in the arena of its own. */
static void *
visit(void *arg) {
    pthread_barrier_t *all = arg;
    void *block = touched(512 * KIB);
    pthread_barrier_wait(all);
    free(block);
    return NULL;
}

static void
many_arenas(void) {
    static pthread_barrier_t all;
    pthread_t threads[190];
    pthread_barrier_init(&all, NULL, 190);
    for (int i = 0; i < 190; i++) {
        threads[i] = start(visit, &all);
    }
    for (int i = 0; i < 190; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 3; i++) {
        start(live, NULL);
    }
}

static void
contended(void) {
    for (int i = 0; i < 8; i++) {
        start(contend, NULL);
    }
}

/* Address space that is free, under a limit. */
static void
retain(void) {
    struct rlimit limit = {.rlim_cur = 512 * MIB, .rlim_max = 512 * MIB};
    void *blocks[6];
    for (int i = 0; i < 6; i++) {
        blocks[i] = malloc(64 * MIB);
    }
    for (int i = 0; i < 6; i++) {
        free(blocks[i]);
    }
    setrlimit(RLIMIT_AS, &limit);
}

/* One block of 64 KiB stays of each huge page: 100 MiB of free pages in huge pages that are partly used. */
static void
sparse_huge(void) {
    static void *blocks[2048];
    for (size_t i = 0; i < 2048; i++) {
        blocks[i] = touched(56 * KIB);
    }
    for (size_t i = 0; i < 2048; i++) {
        if (i % 36 != 0) {
            free(blocks[i]);
        }
    }
}

/* Of each 4 MiB one page is written: with huge pages a half is resident. */
static void
sparse(void) {
    static char *volatile blocks[24];
    for (size_t i = 0; i < 24; i++) {
        blocks[i] = malloc(4 * MIB);
        blocks[i][MIB] = blocks[i][3 * MIB] = 1;
    }
}

static void
foreign(void) {
    size_t size = 128 * MIB;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        exit(3);
    }
    memset(memory, 1, size);
}

/* Takes 64 MiB and returns them, several times a second: its pages are reused. */
static void *
breathe(void *arg) {
    static void *blocks[128];
    for (;;) {
        for (size_t i = 0; i < 128; i++) {
            blocks[i] = touched(512 * KIB);
        }
        rest(50);
        for (size_t i = 0; i < 128; i++) {
            free(blocks[i]);
        }
        rest(50);
    }
    return arg;
}

static void
breathing(void) {
    start(breathe, NULL);
}

static void
nothing(void) {
}

/* ---- the program ---- */

static const struct {
    const char *name;
    void (*plant)(void);
    bool quiet; /* nothing else allocates */
} illnesses[] = {
    {"dirty", hoard, false},        {"muzzy", hoard, false},         {"overdue", hoard, true},
    {"scattered", scatter, false},  {"fragmented", fragment, false}, {"caches", fill_caches, true},
    {"arenas", many_arenas, true},  {"contended", contended, true},  {"retained", retain, false},
    {"huge", sparse_huge, false},   {"sparse", sparse, false},       {"foreign", foreign, false},
    {"breathing", breathing, true}, {"none", nothing, false},
};

static void *
run_plant(void *arg) {
    ((void (*)(void))arg)();
    return NULL;
}

static int
plant(const char *name) {
    for (size_t i = 0; i < sizeof illnesses / sizeof illnesses[0]; i++) {
        if (strcmp(illnesses[i].name, name) == 0) {
            pthread_join(start(run_plant, (void *)illnesses[i].plant), NULL);
            if (!illnesses[i].quiet) {
                start(live, NULL);
            }
            return 0;
        }
    }
    return 2;
}

int
main(int argc, char **argv) {
    char end;
    int status = argc == 2 ? plant(argv[1]) : 2;
    if (status != 0) {
        return status;
    }
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0) {
    }
    _exit(0);
}

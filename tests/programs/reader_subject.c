/*
 * reader_subject.c -- a process that is looked at from outside (reader.sh).
 *
 *   report FILE   fills a heap, writes to FILE what the library itself says of it, and stops itself with SIGSTOP
 *   load          allocates and frees on four threads, until it is killed
 *   wedge         has a thread that never runs again while it holds the lock of a bin
 *   core          as report, but ends with a core file instead
 *
 * Prints "ready" when it can be looked at. The library's functions are found at run time, so that the program links
 * nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lunalloc.h"

#define NBLOCKS 20000
#define NLARGE  60

static char text[8 << 20];
static size_t used;
static void *blocks[NBLOCKS], *large[NLARGE];

/* ---- the library ---- */

static struct {
    size_t (*count)(void);
    int (*row)(size_t, lunalloc_row_t *);
    int (*get)(const char *, lunalloc_value_t *, char *, size_t);
    int (*set)(const char *, const char *, char *, size_t);
    int (*source)(const char *, const char **);
    size_t (*limit)(const char *);
    size_t (*extents)(lunalloc_cursor_t *, lunalloc_extent_t *, size_t, lunalloc_page_totals_t *);
    int (*find)(const void *, lunalloc_location_t *);
    uint32_t (*nsizes)(void);
    int (*sizeclass)(uint32_t, lunalloc_sizeclass_t *);
    int (*stats)(uint32_t, lunalloc_stats_t *);
    int (*class_stats)(uint32_t, uint32_t, lunalloc_class_stats_t *);
    size_t (*threads)(lunalloc_thread_cursor_t *, lunalloc_thread_t *, size_t);
    const char *const *(*names)(void);
    void *(*mallocx)(size_t, int);
    void (*dallocx)(void *, int);
} la;

static void
find_function(void *to, const char *name) {
    void *function = dlsym(RTLD_DEFAULT, name);
    if (function == NULL) {
        fprintf(stderr, "reader_subject: no function %s\n", name);
        exit(1);
    }
    memcpy(to, &function, sizeof function);
}

static void
find_library(void) {
    find_function(&la.count, "lunalloc_ctl_count");
    find_function(&la.row, "lunalloc_ctl_row");
    find_function(&la.get, "lunalloc_ctl_get");
    find_function(&la.set, "lunalloc_ctl_set");
    find_function(&la.source, "lunalloc_ctl_source");
    find_function(&la.limit, "lunalloc_ctl_limit");
    find_function(&la.extents, "lunalloc_extents");
    find_function(&la.find, "lunalloc_find");
    find_function(&la.nsizes, "lunalloc_nsizes");
    find_function(&la.sizeclass, "lunalloc_sizeclass");
    find_function(&la.stats, "lunalloc_stats");
    find_function(&la.class_stats, "lunalloc_class_stats");
    find_function(&la.threads, "lunalloc_threads");
    find_function(&la.names, "lunalloc_stats_names");
    find_function(&la.mallocx, "lunalloc_mallocx");
    find_function(&la.dallocx, "lunalloc_dallocx");
}

/* ---- the report ---- */

__attribute__((format(printf, 1, 2))) static void
put(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    used += n > 0 ? (size_t)n : 0;
}

static void
put_value(const char *name) {
    lunalloc_value_t value;
    const char *source = "?";
    if (la.get(name, &value, NULL, 0) != 0) {
        return;
    }
    la.source(name, &source);
    put("get %s %s ", name, source);
    switch (value.type) {
    case LUNALLOC_BOOL:
        put("%s\n", value.v.b ? "true" : "false");
        break;
    case LUNALLOC_SSIZE:
        put("%lld\n", (long long)value.v.i);
        break;
    case LUNALLOC_STRING:
        put("%s\n", value.v.s);
        break;
    case LUNALLOC_POINTER:
        put("%llu\n", (unsigned long long)(uintptr_t)value.v.p);
        break;
    default:
        put("%llu\n", (unsigned long long)value.v.u);
        break;
    }
}

/* Replaces the first open index of a pattern by each value that it can have, or some of them. */
static void
put_values(const char *pattern) {
    char name[128];
    const char *open = strchr(pattern, '<');
    if (open == NULL) {
        put_value(pattern);
        return;
    }
    size_t n = la.limit(pattern);
    for (size_t i = 0; i < n; i += i < 40 ? 1 : 7) {
        snprintf(name, sizeof name, "%.*s%zu%s", (int)(open - pattern), pattern, i, open + 3);
        put_values(name);
    }
}

/* Not those that create something, and those of the thread that asks. */
static void
put_controls(void) {
    lunalloc_row_t row;
    for (size_t i = 0; i < la.count(); i++) {
        if (la.row(i, &row) == 0 && row.access[0] == 'r' && row.type != LUNALLOC_STRUCT &&
            strstr(row.name, ".create") == NULL && strncmp(row.name, "thread.", 7) != 0) {
            put_values(row.name);
        }
    }
}

static void
put_extents(void) {
    static lunalloc_extent_t batch[256];
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    size_t n;
    while ((n = la.extents(&cursor, batch, 256, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            const lunalloc_extent_t *e = &batch[i];
            put("extent %llu %zu %u %d %d %d %d %d %d %u %u %llu %llu\n", (unsigned long long)e->addr, e->size,
                e->arena, (int)e->state, e->szind == LUNALLOC_NONE ? -1 : (int)e->szind, e->slab, e->is_head,
                e->committed, e->zeroed, e->nfree, e->nregs, (unsigned long long)e->sn, (unsigned long long)e->lru);
        }
    }
}

static void
put_locations(void) {
    for (size_t i = 0; i < NBLOCKS; i += 997) {
        lunalloc_location_t at;
        const char *address = (const char *)blocks[i] + 5;
        if (la.find(address, &at) == 0) {
            put("find %llu %u %llu %zu %d\n", (unsigned long long)(uintptr_t)address, at.region,
                (unsigned long long)at.region_addr, at.region_size, at.allocated);
        }
    }
}

static void
put_stats(uint32_t arena) {
    lunalloc_stats_t stats;
    lunalloc_class_stats_t class;
    const char *const *names = la.names();
    if (la.stats(arena, &stats) != 0) {
        return;
    }
    for (size_t i = 0; names[i] != NULL; i++) {
        put("stats %d %s %llu\n", (int)arena, names[i], (unsigned long long)((const uint64_t *)&stats)[i]);
    }
    for (uint32_t i = 0; arena == LUNALLOC_ALL && i < la.nsizes(); i++) {
        if (la.class_stats(arena, i, &class) == 0) {
            put("class %u", i);
            for (size_t k = 0; k < sizeof class / sizeof(uint64_t); k++) {
                put(" %llu", (unsigned long long)((const uint64_t *)&class)[k]);
            }
            put("\n");
        }
    }
}

static void
put_sizeclasses(void) {
    lunalloc_sizeclass_t sc;
    for (uint32_t i = 0; la.sizeclass(i, &sc) == 0; i++) {
        put("sizeclass %u %zu %zu %u %u %u %u %u %.9f\n", i, sc.size, sc.slab_size, sc.nregs, sc.lg_group, sc.lg_delta,
            sc.ndelta, sc.cached_max, sc.max_waste);
    }
}

static void
put_threads(void) {
    static lunalloc_thread_t threads[64];
    lunalloc_thread_cursor_t cursor = {0};
    size_t n = la.threads(&cursor, threads, 64);
    for (size_t i = 0; i < n; i++) {
        const lunalloc_thread_t *t = &threads[i];
        put("thread %u %u %s %llu %llu %u", t->tid, t->arena, t->name, (unsigned long long)t->requests,
            (unsigned long long)t->cached, t->behind);
        for (uint32_t k = 0; k < t->nclasses; k++) {
            put(" %u", t->objects[k]);
        }
        put("\n");
    }
}

static void
write_report(const char *path) {
    put_locations();
    put_controls();
    put_extents();
    put_stats(LUNALLOC_ALL);
    put_stats(0);
    put_stats(1);
    put_sizeclasses();
    put_threads();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (used >= sizeof text || write(fd, text, used) != (ssize_t)used) {
        exit(1);
    }
    close(fd);
}

/* ---- a heap ---- */

static unsigned seed = 1;

static size_t
any(size_t most) {
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % most;
}

static void
fill_heap(void) {
    for (size_t i = 0; i < NBLOCKS; i++) {
        blocks[i] = malloc(1 + any(any(8) == 0 ? 9000 : 500));
        memset(blocks[i], 1, 1);
    }
    for (size_t i = 0; i < NLARGE; i++) {
        large[i] = malloc(30000 + any(600000));
        memset(large[i], 1, 5000);
    }
    for (size_t i = 0; i < NBLOCKS; i += 1 + any(4)) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    for (size_t i = 0; i < NLARGE; i += 2) {
        free(large[i]);
    }
}

static sem_t rested;

/* Allocates and frees a little, and rests with a full cache. */
static void *
rest(void *unused) {
    void *some[100];
    for (size_t i = 0; i < 100; i++) {
        some[i] = malloc(8 + any(2000));
    }
    for (size_t i = 0; i < 100; i++) {
        free(some[i]);
    }
    sem_post(&rested);
    for (;;) {
        pause();
    }
    return unused;
}

/* Manual arenas, one of them destroyed and its index used again; settings that differ from the defaults. */
static void
make_arenas(void) {
    lunalloc_value_t value;
    char name[64];
    for (int i = 0; i < 2; i++) {
        la.get("arenas.create", &value, NULL, 0);
        void *p = la.mallocx(5000, MALLOCX_ARENA(value.v.u) | MALLOCX_TCACHE_NONE);
        memset(p, 1, 5000);
        if (i == 0) {
            snprintf(name, sizeof name, "arena.%llu.destroy", (unsigned long long)value.v.u);
            la.set(name, NULL, NULL, 0);
        }
    }
    la.get("arenas.create", &value, NULL, 0);
    la.set("arena.0.muzzy_decay_ms", "700", NULL, 0);
    la.set("arena.0.dirty_max", "1G", NULL, 0);
    la.set("arenas.tcache_bytes", "40000", NULL, 0);
    la.set("arenas.bin.4.nshards", "3", NULL, 0);
    la.set("arenas.bin.5.slab_size", "12288", NULL, 0);
}

static void
prepare(void) {
    pthread_t thread;
    sem_init(&rested, 0, 0);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, rest, NULL);
        sem_wait(&rested);
    }
    fill_heap();
    make_arenas();
    for (int i = 0; i < 50; i++) {
        la.mallocx(64, MALLOCX_TCACHE_NONE);
    }
}

/* ---- load ---- */

static void *
work(void *unused) {
    static __thread void *mine[2000];
    unsigned state = (unsigned)(uintptr_t)&mine;
    for (;;) {
        state = state * 1103515245 + 12345;
        size_t i = (state >> 8) % 2000;
        free(mine[i]);
        mine[i] = malloc(1 + (state >> 4) % ((state >> 20) % 16 == 0 ? 300000 : 1000));
    }
    return unused;
}

/* ---- a lock that is held for ever ---- */

static volatile sig_atomic_t suspended, resume;

static void
suspend(int signal) {
    (void)signal;
    suspended = 1;
    while (!resume) {
        usleep(1000);
    }
    resume = suspended = 0;
}

/* Each call locks the bin. */
static void *
lock_bin(void *unused) {
    for (;;) {
        la.dallocx(la.mallocx(64, MALLOCX_TCACHE_NONE), MALLOCX_TCACHE_NONE);
    }
    return unused;
}

static volatile sig_atomic_t passed;

static void *
pass(void *unused) {
    void *p = la.mallocx(64, MALLOCX_TCACHE_NONE);
    passed = 1;
    la.dallocx(p, MALLOCX_TCACHE_NONE);
    return unused;
}

/* Suspends the thread at a random instruction; whether another thread gets the lock then tells if it was held. */
static bool
try_to_wedge(pthread_t victim) {
    pthread_t other;
    usleep(1000 + (useconds_t)any(2000));
    pthread_kill(victim, SIGUSR1);
    while (!suspended) {
        usleep(100);
    }
    passed = 0;
    pthread_create(&other, NULL, pass, NULL);
    for (int i = 0; i < 100 && !passed; i++) {
        usleep(2000);
    }
    if (!passed) {
        return true;
    }
    pthread_join(other, NULL);
    resume = 1;
    while (suspended) {
        usleep(100);
    }
    return false;
}

static void
wedge(void) {
    pthread_t victim;
    signal(SIGUSR1, suspend);
    fill_heap();
    pthread_create(&victim, NULL, lock_bin, NULL);
    while (!try_to_wedge(victim)) {
    }
}

static void
say_ready(void) {
    if (write(STDOUT_FILENO, "ready\n", 6) != 6) {
        exit(1);
    }
}

int
main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    find_library();
    if (strcmp(mode, "report") == 0 || strcmp(mode, "core") == 0) {
        prepare();
        write_report(argv[2]);
        say_ready();
        raise(mode[0] == 'r' ? SIGSTOP : SIGABRT);
    } else if (strcmp(mode, "load") == 0) {
        pthread_t thread;
        for (int i = 0; i < 4; i++) {
            pthread_create(&thread, NULL, work, NULL);
        }
        say_ready();
    } else if (strcmp(mode, "wedge") == 0) {
        wedge();
        say_ready();
    }
    for (;;) {
        pause();
    }
}

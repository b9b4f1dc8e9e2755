/*
 * startup-cost.c -- the program of scripts/startup-cost: measures what a malloc costs a process that hardly uses it.
 *
 *   runs ROUNDS LIBRARY... -- PROGRAM [ARGUMENT...]
 *       starts the program with each library preloaded in turn ("" is none), ROUNDS times over. Prints a line for each
 *       library, of medians: page faults, microseconds from fork to exit, and how many microseconds more than with the
 *       first library in the same round.
 *   objects N       allocates N objects of mixed small sizes, writes to them, and prints Rss, Pss and Private_Dirty in
 *                   KiB
 *   threads N       N threads allocate some memory, free it and stay. Prints KiB of RSS per thread at three moments:
 *                   then; after each thread has flushed its cache and free pages have returned to the system; and after
 *                   the threads have ended
 *   threads N bare  the same threads without a call of malloc
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS    1000
#define MAX_LIBRARIES 16
#define MAX_THREADS   1024

static const size_t sizes[] = {16, 32, 48, 64, 96, 128, 192, 256, 512, 1024};
#define NCLASSES 10
_Static_assert(sizeof sizes == NCLASSES * sizeof sizes[0], "so many sizes");
#define NOBJECTS (10 * NCLASSES)

/* ---- runs ---- */

typedef struct {
    double faults[MAX_ROUNDS], us[MAX_ROUNDS], more[MAX_ROUNDS];
} series_t;

static series_t series[MAX_LIBRARIES];

static double
now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
start(const char *library, char **command) {
    if (library[0] != '\0') {
        setenv("LD_PRELOAD", library, 1);
    }
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execvp(command[0], command);
    _exit(127);
}

static void
measure(series_t *s, unsigned round, const char *library, char **command) {
    struct rusage usage;
    int status;
    double began = now_us();
    pid_t child = fork();
    if (child == 0) {
        start(library, command);
    }
    if (wait4(child, &status, 0, &usage) != child || status != 0) {
        fprintf(stderr, "startup-cost: %s does not run with '%s'\n", command[0], library);
        exit(1);
    }
    s->us[round] = now_us() - began;
    s->faults[round] = (double)(usage.ru_minflt + usage.ru_majflt);
}

static int
compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(double *values, unsigned n) {
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static int
runs(unsigned rounds, unsigned nlibraries, char **libraries, char **command) {
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < nlibraries; i++) {
            measure(&series[i], round, libraries[i], command);
            series[i].more[round] = series[i].us[round] - series[0].us[round];
        }
    }
    for (unsigned i = 0; i < nlibraries; i++) {
        series_t *s = &series[i];
        printf("%.0f %.0f %.0f\n", median(s->faults, rounds), median(s->us, rounds), median(s->more, rounds));
    }
    return 0;
}

/* ---- memory of a process ---- */

/* The sums of three fields of /proc/self/smaps_rollup, without a call of malloc. */
static void
print_memory(void) {
    static char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    const char *rss = n > 0 ? strstr(text, "\nRss:") : NULL;
    const char *pss = n > 0 ? strstr(text, "\nPss:") : NULL;
    const char *dirty = n > 0 ? strstr(text, "\nPrivate_Dirty:") : NULL;
    if (rss == NULL || pss == NULL || dirty == NULL) {
        _exit(1);
    }
    char line[64];
    int len = snprintf(line, sizeof line, "%d %d %d\n", atoi(rss + 5), atoi(pss + 5), atoi(dirty + 15));
    _exit(write(STDOUT_FILENO, line, (size_t)len) != len);
}

static void
objects(unsigned n) {
    unsigned seed = 1;
    for (unsigned i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        size_t size = 16 + (seed >> 8) % (seed >> 20 & 1 ? 100 : 1000);
        char *object = malloc(size);
        memset(object, 1, size);
    }
    print_memory();
}

/* ---- idle threads ---- */

static bool bare;
static pthread_barrier_t barrier;

/* Flushes the calling thread's cache, or purges all free pages, if the allocator has a function for it. */
extern int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));
extern void mi_collect(bool) __attribute__((weak));
extern void MallocExtension_ReleaseFreeMemory(void) __attribute__((weak));

static void
flush(void) {
    if (mallctl != NULL) {
        mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    }
    if (mi_collect != NULL) {
        mi_collect(true);
    }
}

static void
purge(void) {
    flush();
    malloc_trim(0);
    if (mallctl != NULL) {
        mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    }
    if (MallocExtension_ReleaseFreeMemory != NULL) {
        MallocExtension_ReleaseFreeMemory();
    }
}

static void
use(void) {
    char *objects[NOBJECTS];
    for (unsigned i = 0; i < NOBJECTS; i++) {
        objects[i] = malloc(sizes[i % NCLASSES]);
        memset(objects[i], 1, sizes[i % NCLASSES]);
    }
    for (unsigned i = 0; i < NOBJECTS; i++) {
        free(objects[i]);
    }
}

static void *
idle(void *unused) {
    if (!bare) {
        use();
    }
    pthread_barrier_wait(&barrier); /* all threads have used memory */
    pthread_barrier_wait(&barrier); /* measured */
    if (!bare) {
        flush();
    }
    pthread_barrier_wait(&barrier); /* all threads have flushed */
    pthread_barrier_wait(&barrier); /* measured */
    return unused;
}

static long
resident_kib(void) {
    char text[128] = {0};
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n <= 0 ? 0 : atol(strchr(text, ' ')) * (sysconf(_SC_PAGESIZE) / 1024);
}

static int
threads(unsigned n) {
    static pthread_t ids[MAX_THREADS];
    long kib[4];
    pthread_barrier_init(&barrier, NULL, n + 1);
    use();
    kib[0] = resident_kib();
    for (unsigned i = 0; i < n; i++) {
        pthread_create(&ids[i], NULL, idle, NULL);
    }
    for (unsigned i = 1; i < 3; i++) {
        pthread_barrier_wait(&barrier);
        i == 2 ? purge() : (void)0;
        kib[i] = resident_kib();
        pthread_barrier_wait(&barrier);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(ids[i], NULL);
    }
    kib[3] = resident_kib();
    for (unsigned i = 1; i < 4; i++) {
        printf("%.1f%c", (double)(kib[i] - kib[0]) / n, i < 3 ? ' ' : '\n');
    }
    return 0;
}

static int
run_command(unsigned rounds, int argc, char **argv) {
    int end = 0;
    while (end < argc && strcmp(argv[end], "--") != 0) {
        end++;
    }
    bool good = rounds >= 1 && rounds <= MAX_ROUNDS && end >= 1 && end <= MAX_LIBRARIES && end + 1 < argc;
    return good ? runs(rounds, (unsigned)end, argv, argv + end + 1) : 2;
}

int
main(int argc, char **argv) {
    const char *what = argc > 2 ? argv[1] : "";
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    bare = argc > 3;
    if (strcmp(what, "objects") == 0) {
        objects(n);
    }
    if (strcmp(what, "runs") == 0) {
        return run_command(n, argc - 3, argv + 3);
    }
    return strcmp(what, "threads") == 0 && n >= 1 && n <= MAX_THREADS ? threads(n) : 2;
}

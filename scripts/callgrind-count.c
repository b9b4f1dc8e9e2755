/*
 * callgrind-count.c -- the program of scripts/callgrind-count: calls malloc and free that hit the thread's cache.
 *
 * For each size it makes enough calls to fill the cache, then WINDOWS short windows of CALLS pairs, then one long run.
 * After each it makes callgrind dump its counters, under the label "SIZE hit" or "SIZE run".
 */
#include "observe/record_area.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

enum {
    DEPTH = 4,
    CALLS = 40,
    WINDOWS = 5,
    LONG_RUN = 20000
};

static const size_t sizes[] = {8, 16, 64, 100, 256, 1024, 4096};

/* Holds at most DEPTH blocks, so that the cache is neither full nor empty at any call. */
__attribute__((noinline)) static void
counted_calls(size_t size, int calls) {
    void *blocks[DEPTH];
    for (int i = 0; i < calls; i += DEPTH) {
        for (int j = 0; j < DEPTH; j++) {
            blocks[j] = malloc(size);
        }
        for (int j = DEPTH; j > 0; j--) {
            free(blocks[j - 1]);
        }
    }
}

static void
dump(size_t size, const char *what) {
    char label[32];
    snprintf(label, sizeof label, "%zu %s", size, what);
    CALLGRIND_DUMP_STATS_AT(label);
}

static int (*ctl)(const char *, void *, size_t *, void *, size_t);

/* From the read of thread.allocatedp on, the thread's byte counters are exact after each call. */
static int
meter(void) {
    unsigned long long *total;
    size_t len = sizeof total;
    return ctl("thread.allocatedp", &total, &len, 0, 0);
}

/* Each call is recorded, into rings that nobody needs to empty. */
static int
record(void) {
    record_shape_t shape = {.nrings = 2, .lg_ring = RECORD_LG_MAX, .clock_allowed = record_clock_tsc};
    size_t size = record_area_size(&shape);
    char text[64], *path = text;
    int fd = memfd_create("count", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        return 1;
    }
    record_area_init(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), &shape);
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    return ctl("record.area", 0, 0, &path, sizeof path);
}

/* The thread allocates from a manual arena. */
static int
bind_to_new_arena(void) {
    unsigned index;
    size_t len = sizeof index;
    return ctl("arenas.create", &index, &len, 0, 0) | ctl("thread.arena", 0, 0, &index, sizeof index);
}

static int
begin(const char *mode) {
    return strcmp(mode, "recorded") == 0 ? record() : strcmp(mode, "bound") == 0 ? bind_to_new_arena() : meter();
}

int
main(int argc, char **argv) {
    *(void **)&ctl = dlsym(dlopen(NULL, RTLD_NOW), "mallctl");
    if (argc > 1 && (ctl == 0 || begin(argv[1]) != 0)) {
        return 1;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        counted_calls(sizes[i], 400);
        for (int window = 0; window < WINDOWS; window++) {
            CALLGRIND_ZERO_STATS;
            counted_calls(sizes[i], CALLS);
            dump(sizes[i], "hit");
        }
        CALLGRIND_ZERO_STATS;
        counted_calls(sizes[i], LONG_RUN);
        dump(sizes[i], "run");
    }
    return 0;
}

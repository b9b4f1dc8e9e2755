/*
 * background.h -- what the tests of background threads share: controls that must work, threads as the system lists
 * them, memory made dirty and waited for, load. Nothing here measures time: what must happen is waited for, up to a
 * generous limit; what must not happen is asserted where nothing could make it happen.
 */
#ifndef TESTS_CONTROL_BACKGROUND_H
#define TESTS_CONTROL_BACKGROUND_H

#include "../api/settings.h"
#include "../base/breathe.h"
#include "../base/testing.h"
#include "../arena/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BLOCKS   16
#define BLOCK    ((size_t)1 << 20)
#define PATIENCE 30000 /* ms; only against waiting for ever */
#define WORKERS  4

/* ---- controls ---- */

static inline uint64_t
number(const char *name) {
    lunalloc_value_t value;
    char message[256];
    assert_int_equal(lunalloc_ctl_get(name, &value, message, sizeof message), 0);
    return value.type == LUNALLOC_BOOL ? value.v.b : value.v.u;
}

/* ---- threads, as the system sees them ---- */

static inline bool
is_purger(const char *id, const char *file, char *text, size_t size) {
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", id, file);
    FILE *f = fopen(path, "r");
    size_t n = f == NULL ? 0 : fread(text, 1, size - 1, f);
    text[n] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    return n > 0 && strstr(text, "lunalloc_purge") != NULL;
}

static inline unsigned
purgers(void) {
    char text[64];
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        n += is_purger(task->d_name, "comm", text, sizeof text);
    }
    closedir(tasks);
    return n;
}

/* A thread has its name a moment after it has started, and its entry a moment after it has been joined. */
static inline bool
purgers_become(unsigned n) {
    for (unsigned ms = 0; ms < PATIENCE && purgers() != n; ms++) {
        nap(1);
    }
    return purgers() == n;
}

/* All threads of this process; reading it allocates nothing. */
static inline unsigned
all_threads(void) {
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    const char *line = strstr(text, "Threads:");
    return line == NULL ? 0 : (unsigned)strtoul(line + strlen("Threads:"), NULL, 10);
}

/* ---- memory ---- */

static inline size_t
dirty(void) {
    return number("stats.dirty");
}

static inline bool
dirty_becomes_less(size_t bytes) {
    for (unsigned ms = 0; ms < PATIENCE && dirty() >= bytes; ms++) {
        nap(1);
    }
    return dirty() < bytes;
}

/* Waits until the threads sleep: no round for a while. */
static inline void
settle(void) {
    uint64_t before;
    do {
        before = number("stats.background_thread.num_runs");
        nap(50);
    } while (number("stats.background_thread.num_runs") != before);
}

/* n * BLOCK bytes are written to and become free at once. */
static inline void
make_blocks_dirty(unsigned n) {
    char *blocks[8 * BLOCKS];
    for (unsigned i = 0; i < n; i++) {
        blocks[i] = lunalloc_malloc(BLOCK);
        memset(blocks[i], 1, BLOCK);
    }
    for (unsigned i = 0; i < n; i++) {
        lunalloc_free(blocks[i]);
    }
}

static inline void
make_dirty(void) {
    make_blocks_dirty(BLOCKS);
}

static inline int
begin(void **state) {
    (void)state;
    must_set("background_thread", "false");
    must_set("max_background_threads", "4");
    must_set("arena.4096.dirty_decay_ms", "10000");
    must_set("arena.4096.muzzy_decay_ms", "0");
    must_set("arena.4096.purge", NULL);
    assert_true(purgers_become(0));
    return 0;
}

/* ---- manual arenas ---- */

/* Makes pages of a manual arena dirty; gives its index. */
static inline unsigned
dirty_arena(void) {
    unsigned index = 0, old = 0;
    size_t len = sizeof index, old_len = sizeof old;
    assert_int_equal(mallctl("arenas.create", &index, &len, NULL, 0), 0);
    assert_int_equal(mallctl("thread.arena", &old, &old_len, &index, sizeof index), 0);
    make_dirty();
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &old, sizeof old), 0);
    return index;
}

static inline void
destroy_arena(unsigned index) {
    char name[40];
    snprintf(name, sizeof name, "arena.%u.destroy", index);
    must_set(name, NULL);
}

/* ---- load ---- */

static _Atomic bool stop_load;
static _Atomic unsigned nloading;

static inline void *
load(void *arg) {
    uint64_t seed = (uintptr_t)arg;
    void *slots[64] = {NULL};
    atomic_add(&nloading, 1);
    while (!atomic_get(&stop_load)) {
        unsigned i = random_below(&seed, 64);
        lunalloc_free(slots[i]);
        slots[i] = lunalloc_malloc((size_t)16 << random_below(&seed, 15));
    }
    for (unsigned i = 0; i < 64; i++) {
        lunalloc_free(slots[i]);
    }
    return NULL;
}

/* All of them have begun when this returns: a thread that is just being born may hold locks of a sanitizer, which a
 * fork would leave held in the child. */
static inline void
begin_load(pthread_t *threads) {
    atomic_set(&stop_load, false);
    atomic_set(&nloading, 0);
    for (uintptr_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load, (void *)(i + 1)), 0);
    }
    while (atomic_get(&nloading) < WORKERS) {
        nap(1);
    }
}

static inline void
end_load(const pthread_t *threads) {
    atomic_set(&stop_load, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

#endif

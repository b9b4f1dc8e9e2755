/* background.c -- what every process runs: boot, fork, whether there are threads. */
#include "control/background.h"

#include "arena/arenas.h"
#include "base/options.h"
#include "control/background_threads.h"
#include "os/clock.h"
#include "thread/thread_life.h"

/* ---- controls ---- */

void
background_stats(stats_background_t *out) {
    uint64_t slept = 0;
    *out = (stats_background_t){0};
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        background_add(out, &background_workers[i]);
        slept += atomic_get(&background_workers[i].slept);
    }
    background_finish(out, slept);
}

void
background_boot(void) {
    atomic_set(&background_born, atomic_get(&arenas_get(0)->created));
    if (options.background_thread) {
        background_fill_slots(true);
    }
}

AT_LOAD void
background_allow(void) {
    atomic_set(&background_allowed, true);
}

/* ---- fork ---- */

lock_t *
background_mutex(void) {
    return &lock_of_background_thread;
}

void
background_prefork(void) {
    lock_prefork(&lock_of_background_thread);
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        if (background_runs(&background_workers[i])) {
            lock_prefork_sibling(&background_workers[i].round);
        }
    }
}

/* In the child of a fork no background thread exists. */
static void
forget_worker(worker_t *worker) {
    os_thread_forget(&worker->thread);
    worker->event_count = (event_count_t){0};
    atomic_set(&worker->running, false);
}

/* The child is young. The pages that it has inherited are no reason for a thread. */
static void
begin_again(void) {
    size_t most = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        size_t npages = arena != NULL ? pa_resident_pages(&arena->pages) : 0;
        most = npages > most ? npages : most;
    }
    atomic_set(&background_inherited, most << sc.config.lg_page);
    atomic_set(&background_born, clock_coarse_ns());
    background_rest_arenas(true);
}

void
background_postfork(bool child) {
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        lock_postfork(&background_workers[i].round, child);
        if (child && atomic_get(&background_workers[i].running)) {
            forget_worker(&background_workers[i]);
        }
    }
    lock_postfork(&lock_of_background_thread, child);
    if (child && background_is_on()) {
        begin_again();
    }
}

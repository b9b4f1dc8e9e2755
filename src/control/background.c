/* background.c -- the threads: their rounds, their start and end, the end of the process, fork. */
#include "control/background.h"

#include "arena/arenas.h"
#include "arena/slab_decay.h"
#include "base/options.h"
#include "extent/decay_pass.h"
#include "extent/purger.h"
#include "os/clock.h"
#include "os/thread.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ns */
#define LEAST_SLEEP UINT64_C(1000000)
/* After the system has refused a thread, the next attempt is made no sooner than this; ns. */
#define RETRY_AFTER UINT64_C(1000000000)

/* Not static: another process finds it (control/layout.def). */
worker_t background_workers[BACKGROUND_MAX];
/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_background_thread = LOCK_INITIALIZER(RANK_BACKGROUND);
static _Atomic bool allowed;      /* threads may start. Synchronization: any thread; never becomes false. */
static _Atomic uint64_t retry_at; /* no thread starts before, ns. Synchronization: any thread. */
_Atomic size_t background_most;   /* as set by a control; 0: as the option says. Synchronization: any thread. */

static void
background_lock(void) ACQUIRE(role_background) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_background_thread);
}

static bool
background_try(void) TRY_ACQUIRE(true, role_background) NO_THREAD_SAFETY {
    return lock_try(&lock_of_background_thread);
}

static void
background_unlock(void) RELEASE(role_background) NO_THREAD_SAFETY {
    lock_release(&lock_of_background_thread);
}

size_t
background_max(void) {
    size_t n = atomic_get(&background_most);
    return n != 0 ? n : options.max_background_threads;
}

/* The thread that an arena is assigned to, whether it runs or not. */
static worker_t *
own_server(uint32_t arena) {
    return &background_workers[arena % background_max()];
}

/* The thread that purges an arena now. */
static worker_t *
server_of(uint32_t arena) {
    worker_t *own = own_server(arena);
    return background_runs(own) ? own : &background_workers[0];
}

uint64_t
background_wake_time(uint64_t now, uint64_t due) {
    return due < now + LEAST_SLEEP ? now + LEAST_SLEEP : due;
}

/* ---- a thread's rounds ---- */

static bool start_worker(worker_t *worker) REQUIRES(role_background);

/* Never waits for the lock: its holder may be waiting for the calling thread to end. */
static void
start_worker_if_free(worker_t *worker) {
    if (background_try()) {
        if (background_is_on()) {
            start_worker(worker);
        }
        background_unlock();
    }
}

/* Extent hooks are the application's and may do anything, fork included: they run without the lock that fork takes. */
static uint64_t
purge_arena(worker_t *worker, arena_t *arena) {
    if (pa_hooks(&arena->pages) != NULL) {
        return arena_background(arena, clock_ns());
    }
    lock_acquire(&worker->round);
    uint64_t due = arena_background(arena, clock_ns());
    lock_release(&worker->round);
    return due;
}

/* Purges each arena that this thread serves. Returns when the next round is due. */
static uint64_t
purge_round(worker_t *worker) {
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena == NULL || server_of(i) != worker) {
            continue;
        }
        uint64_t due = purge_arena(worker, arena);
        if (due != UINT64_MAX && !background_runs(own_server(i))) {
            start_worker_if_free(own_server(i));
        }
        earliest = due < earliest ? due : earliest;
    }
    return earliest;
}

static void
background_work(void *arg) {
    worker_t *worker = arg;
    while (!atomic_get(&worker->stop)) {
        uint64_t due = purge_round(worker);
        uint64_t now = clock_ns();
        counter_add(&worker->runs, 1);
        event_count_wait(&worker->event_count, background_wake_time(now, due));
        counter_add(&worker->slept, clock_ns() - now);
    }
    atomic_set_release(&worker->ended, true);
}

/* ---- start and end ---- */

static void
join_worker(worker_t *worker) REQUIRES(role_background) {
    if (atomic_get(&worker->running)) {
        os_thread_join(&worker->thread);
        atomic_set_release(&worker->running, false);
    }
}

static bool
start_worker(worker_t *worker) {
    if (background_runs(worker)) {
        return true;
    }
    join_worker(worker);
    lock_init(&worker->round, RANK_ROUND);
    atomic_set(&worker->stop, false);
    atomic_set(&worker->ended, false);
    atomic_set_release(&worker->running, true);
    if (!os_thread_start(&worker->thread, "lunalloc_purge", background_work, worker)) {
        atomic_set_release(&worker->running, false);
        atomic_set(&retry_at, clock_ns() + RETRY_AFTER);
    }
    return background_runs(worker);
}

/* Tells the threads from `first` on to end, and waits for none. */
static void
stop_from(size_t first) REQUIRES(role_background) {
    for (size_t i = first; i < BACKGROUND_MAX; i++) {
        atomic_set(&background_workers[i].stop, true);
        event_count_notify(&background_workers[i].event_count);
    }
}

static void
end_from(size_t first) REQUIRES(role_background) {
    stop_from(first);
    for (size_t i = first; i < BACKGROUND_MAX; i++) {
        join_worker(&background_workers[i]);
    }
}

/* Is the calling thread one of them? */
static bool
is_worker(void) {
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        if (background_runs(&background_workers[i]) && os_thread_is_self(&background_workers[i].thread)) {
            return true;
        }
    }
    return false;
}

/* ---- the process's last thread ---- */

static void
find_application_thread(const thread_t *thread, void *found) {
    *(bool *)found = *(bool *)found || !os_thread_is_own(thread->id);
}

/* Called when a thread has ended. If no thread of the application's is left that has allocated, stops the background
 * threads, so that the process can end. Should others exist after all, the next one that takes pages starts thread 0
 * again. If the lock is taken, its holder is a thread of the application's. */
static void
stop_if_alone(void) {
    bool found = false;
    threads_lock();
    thread_each(find_application_thread, &found);
    threads_unlock();
    if (!found && background_try()) {
        stop_from(0);
        background_unlock();
    }
}

/* ---- what the page layer calls ---- */

static bool
purger_runs(void) {
    return background_runs(&background_workers[0]);
}

static void
purger_start(void) {
    bool wanted = !background_runs(&background_workers[0]) && atomic_get(&allowed);
    if (UNLIKELY(wanted) && clock_coarse_ns() >= atomic_get(&retry_at)) {
        start_worker_if_free(&background_workers[0]);
    }
}

static void
purger_wake(uint32_t arena) {
    event_count_notify(&server_of(arena)->event_count);
}

static const pa_purger_t purger = {.runs = purger_runs, .start = purger_start, .wake = purger_wake};

/* ---- controls ---- */

bool
background_is_on(void) {
    return atomic_get(&pa_purger) != NULL;
}

/* 0, or EAGAIN: then it is as on or off as it was. */
static int
switch_on(void) REQUIRES(role_background) {
    bool was_on = background_is_on();
    atomic_set_release(&threads_fewer, stop_if_alone);
    atomic_set_release(&pa_purger, &purger);
    if (start_worker(&background_workers[0])) {
        return 0;
    }
    atomic_set_release(&pa_purger, was_on ? &purger : NULL);
    return EAGAIN;
}

static void
switch_off(void) REQUIRES(role_background) {
    atomic_set_release(&pa_purger, NULL);
    end_from(0);
}

int
background_set(bool on) {
    int error = 0;
    if (is_worker()) {
        return EDEADLK;
    }
    background_lock();
    if (on) {
        error = switch_on();
    } else {
        switch_off();
    }
    background_unlock();
    return error;
}

/* Each arena may be served by another thread now, so all of them make a round. */
int
background_set_max(size_t n) {
    if (n > options.max_background_threads) {
        return EINVAL;
    }
    if (is_worker()) {
        return EDEADLK;
    }
    background_lock();
    atomic_set(&background_most, n);
    end_from(n);
    for (size_t i = 0; i < n; i++) {
        event_count_notify(&background_workers[i].event_count);
    }
    background_unlock();
    return 0;
}

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
    if (options.background_thread) {
        atomic_set_release(&threads_fewer, stop_if_alone);
        atomic_set_release(&pa_purger, &purger);
    }
}

AT_LOAD void
background_allow(void) {
    atomic_set(&allowed, true);
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
    worker->thread = (os_thread_t){0};
    worker->event_count = (event_count_t){0};
    atomic_set(&worker->running, false);
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
}

/* background.c -- the threads: their start and end, their rounds, fork. */
#include "control/background.h"

#include "arena/arenas.h"
#include "base/options.h"
#include "extent/decay_pass.h"
#include "extent/purger.h"
#include "os/clock.h"
#include "os/thread.h"
#include "thread/thread_life.h"

#include <errno.h>

#define LEAST_SLEEP UINT64_C(1000000)
/* When the system refused a thread, it is not asked again for so long. */
#define RETRY_AFTER UINT64_C(1000000000)

typedef struct {
    os_thread_t thread;        /* Synchronization: role_background; its own. */
    event_count_t event_count; /* Synchronization: its own. */
    lock_t round;              /* Synchronization: its own; held while a system arena is purged. */
    _Atomic bool running;      /* Synchronization: written under role_background, read at any time; to be joined. */
    _Atomic bool ended;        /* Synchronization: the thread sets it, as its last act, who starts it clears it. */
    _Atomic bool stop;         /* Synchronization: written under role_background, read at any time. */
    _Atomic uint64_t runs;     /* Synchronization: the thread writes, read at any time. */
    _Atomic uint64_t slept;    /* Synchronization: as runs; ns. */
} worker_t;

static worker_t workers[BACKGROUND_MAX];
static lock_t lock = LOCK_INITIALIZER(RANK_BACKGROUND);
static _Atomic bool allowed;      /* Synchronization: any thread; never becomes false. */
static _Atomic uint64_t retry_at; /* Synchronization: any thread; ns. */
static _Atomic size_t most;       /* Synchronization: any thread; 0: as the option says. */

static void
background_lock(void) ACQUIRE(role_background) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static bool
background_try(void) TRY_ACQUIRE(true, role_background) NO_THREAD_SAFETY {
    return lock_try(&lock);
}

static void
background_unlock(void) RELEASE(role_background) NO_THREAD_SAFETY {
    lock_release(&lock);
}

static bool
is_running(const worker_t *worker) {
    return atomic_get_acquire(&worker->running) && !atomic_get_acquire(&worker->ended);
}

size_t
background_max(void) {
    size_t n = atomic_get(&most);
    return n != 0 ? n : options.max_background_threads;
}

static worker_t *
own_server(uint32_t arena) {
    return &workers[arena % background_max()];
}

static worker_t *
server_of(uint32_t arena) {
    worker_t *own = own_server(arena);
    return is_running(own) ? own : &workers[0];
}

uint64_t
background_wake_time(uint64_t now, uint64_t due) {
    return due < now + LEAST_SLEEP ? now + LEAST_SLEEP : due;
}

/* ---- a thread's rounds ---- */

static bool start(worker_t *worker) REQUIRES(role_background);

/* Never waits for the lock: who holds it may be waiting for the calling thread's end. */
static void
start_if_free(worker_t *worker) {
    if (background_try()) {
        if (background_is_on()) {
            start(worker);
        }
        background_unlock();
    }
}

/* An application's hooks may do anything, also fork: they run without the lock that fork takes. */
static uint64_t
purge_arena(worker_t *worker, arena_t *arena) {
    if (pa_hooks(&arena->pages) != NULL) {
        return pa_background(&arena->pages, clock_ns());
    }
    lock_acquire(&worker->round);
    uint64_t due = pa_background(&arena->pages, clock_ns());
    lock_release(&worker->round);
    return due;
}

/* One round through the arenas that this thread serves; when the next one is due. */
static uint64_t
go_round(worker_t *worker) {
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena == NULL || server_of(i) != worker) {
            continue;
        }
        uint64_t due = purge_arena(worker, arena);
        if (due != UINT64_MAX && !is_running(own_server(i))) {
            start_if_free(own_server(i));
        }
        earliest = due < earliest ? due : earliest;
    }
    return earliest;
}

static void
work(void *arg) {
    worker_t *worker = arg;
    while (!atomic_get(&worker->stop)) {
        uint64_t due = go_round(worker);
        uint64_t now = clock_ns();
        counter_add(&worker->runs, 1);
        event_count_wait(&worker->event_count, background_wake_time(now, due));
        counter_add(&worker->slept, clock_ns() - now);
    }
    atomic_set_release(&worker->ended, true);
}

/* ---- start and end ---- */

static void
join(worker_t *worker) REQUIRES(role_background) {
    if (atomic_get(&worker->running)) {
        os_thread_join(&worker->thread);
        atomic_set_release(&worker->running, false);
    }
}

static bool
start(worker_t *worker) {
    if (is_running(worker)) {
        return true;
    }
    join(worker);
    lock_init(&worker->round, RANK_ROUND);
    atomic_set(&worker->stop, false);
    atomic_set(&worker->ended, false);
    atomic_set_release(&worker->running, true);
    if (!os_thread_start(&worker->thread, "lunalloc_purge", work, worker)) {
        atomic_set_release(&worker->running, false);
        atomic_set(&retry_at, clock_ns() + RETRY_AFTER);
    }
    return is_running(worker);
}

static void
dismiss_from(size_t first) REQUIRES(role_background) {
    for (size_t i = first; i < BACKGROUND_MAX; i++) {
        atomic_set(&workers[i].stop, true);
        event_count_notify(&workers[i].event_count);
    }
}

static void
end_from(size_t first) REQUIRES(role_background) {
    dismiss_from(first);
    for (size_t i = first; i < BACKGROUND_MAX; i++) {
        join(&workers[i]);
    }
}

static bool
is_worker(void) {
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        if (is_running(&workers[i]) && os_thread_is_self(&workers[i].thread)) {
            return true;
        }
    }
    return false;
}

/* ---- the process's last thread ---- */

static void
look_for_application(const thread_t *thread, void *found) {
    bool own = false;
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        own = own || atomic_get(&workers[i].thread.self) == thread->id;
    }
    *(bool *)found = *(bool *)found || !own;
}

/* None is left of those that have allocated: should there be others, the next one that does starts a thread again. If
 * the lock is taken, a thread of the application's has it. */
static void
dismiss_if_alone(void) {
    bool found = false;
    threads_lock();
    thread_each(look_for_application, &found);
    threads_unlock();
    if (!found && background_try()) {
        dismiss_from(0);
        background_unlock();
    }
}

/* ---- what the page layer calls ---- */

static bool
purger_runs(void) {
    return is_running(&workers[0]);
}

static void
purger_start(void) {
    bool wanted = !is_running(&workers[0]) && atomic_get(&allowed);
    if (UNLIKELY(wanted) && clock_coarse_ns() >= atomic_get(&retry_at)) {
        start_if_free(&workers[0]);
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

static int
switch_on(void) REQUIRES(role_background) {
    bool was_on = background_is_on();
    atomic_set_release(&threads_fewer, dismiss_if_alone);
    atomic_set_release(&pa_purger, &purger);
    if (start(&workers[0])) {
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

/* The arenas are shared out anew: everybody looks. */
int
background_set_max(size_t n) {
    if (n > options.max_background_threads) {
        return EINVAL;
    }
    if (is_worker()) {
        return EDEADLK;
    }
    background_lock();
    atomic_set(&most, n);
    end_from(n);
    for (size_t i = 0; i < n; i++) {
        event_count_notify(&workers[i].event_count);
    }
    background_unlock();
    return 0;
}

void
background_stats(stats_background_t *out) {
    uint64_t slept = 0;
    *out = (stats_background_t){0};
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        out->num_threads += is_running(&workers[i]);
        out->num_runs += atomic_get(&workers[i].runs);
        slept += atomic_get(&workers[i].slept);
    }
    out->run_interval = out->num_runs == 0 ? 0 : slept / out->num_runs;
}

void
background_boot(void) {
    if (options.background_thread) {
        atomic_set_release(&threads_fewer, dismiss_if_alone);
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
    return &lock;
}

void
background_prefork(void) {
    lock_prefork(&lock);
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        if (is_running(&workers[i])) {
            lock_prefork_sibling(&workers[i].round);
        }
    }
}

/* In the child no thread is there. */
static void
forget(worker_t *worker) {
    worker->thread = (os_thread_t){0};
    worker->event_count = (event_count_t){0};
    atomic_set(&worker->running, false);
}

void
background_postfork(bool child) {
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        lock_postfork(&workers[i].round, child);
        if (child && atomic_get(&workers[i].running)) {
            forget(&workers[i]);
        }
    }
    lock_postfork(&lock, child);
}

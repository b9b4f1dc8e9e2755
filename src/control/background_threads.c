/* background_threads.c -- the threads: their rounds, their start and end, the end of the process, controls. */
#include "control/background_threads.h"

#include "arena/arenas.h"
#include "base/options.h"
#include "control/ctl_source.h"
#include "arena/slab_decay.h"
#include "os/clock.h"
#include "os/thread.h"
#include "os/thread_light.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ns */
#define LEAST_SLEEP UINT64_C(1000000)
/* A process is young so long, and takes more to start a thread for; ns. */
#define YOUTH UINT64_C(1000000000)
/* In a young process whose threads are the C library's, resident bytes that are worth a thread. */
#define GROWN_YOUNG ((size_t)32 << 20)

uint64_t background_linger_ns = UINT64_C(20000000000);

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
start_worker_if_free(worker_t *worker, bool in_free) {
    if (background_try()) {
        bool possible = !atomic_get(&background_sandboxed) && !(in_free && atomic_get(&background_heavy));
        if (background_is_on() && possible) {
            start_worker(worker);
        }
        background_unlock();
    }
}

/* Is the calling thread, which serves as `worker`, of a kind that can be used no longer? */
static bool
is_outdated(const worker_t *worker) {
    return worker->thread.light && atomic_get(&background_heavy);
}

/* Extent hooks are the application's and may do anything, fork included: they run without the lock that fork takes. */
static uint64_t
purge_arena(worker_t *worker, arena_t *arena) {
    if (pa_hooks(&arena->pages) != NULL) {
        return atomic_get(&background_serves_hooks) ? arena_background(arena, clock_ns()) : UINT64_MAX;
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
            start_worker_if_free(own_server(i), worker->thread.light);
        }
        earliest = due < earliest ? due : earliest;
    }
    return earliest;
}

static bool
another_runs(const worker_t *worker) {
    for (size_t i = 0; i < BACKGROUND_MAX; i++) {
        if (&background_workers[i] != worker && background_runs(&background_workers[i])) {
            return true;
        }
    }
    return false;
}

/* Was the thread woken? Clears that. */
static bool
take_notification(worker_t *worker) {
    return atomic_exchange_explicit(&worker->event_count.pending, 0, memory_order_seq_cst) != 0;
}

/* A thread that woke this one meanwhile could not start it, as the lock was taken. If it is taken again, its holder
 * may be about to start it, and waits for its end. */
static bool
stays_after_all(worker_t *worker) {
    bool stays = take_notification(worker) && background_try();
    if (stays) {
        atomic_set_release(&worker->ended, false);
        background_unlock();
    }
    return stays;
}

/*
 * Ends the thread, which has nothing to do; thread 0 last of all. False if it has something to do after all. Whoever
 * wakes it notifies first, and then looks whether it runs; here it is first said not to run.
 */
static bool
retire(worker_t *worker) {
    bool last = worker == &background_workers[0];
    if (!background_try()) {
        return false;
    }
    bool stays = last && (another_runs(worker) || background_rest_arenas(false));
    if (!stays) {
        atomic_exchange_explicit(&worker->ended, true, memory_order_seq_cst);
        stays = take_notification(worker);
        atomic_set_release(&worker->ended, !stays);
    }
    background_unlock();
    return !stays && !stays_after_all(worker);
}

/* Sleeps until pages are due, or the thread is woken. True if neither happened for so long that it is to end. */
static bool
sleep_until_due(worker_t *worker, uint64_t due) {
    uint64_t now = clock_ns();
    bool idle = due == UINT64_MAX;
    bool woken =
        event_count_wait(&worker->event_count, idle ? now + background_linger_ns : background_wake_time(now, due));
    counter_add(&worker->slept, clock_ns() - now);
    return idle && !woken;
}

/* A light thread's variables begin as zeros. */
static void
background_work(void *arg) {
    worker_t *worker = arg;
    thread_self = &thread_uninitialised;
    while (!atomic_get(&worker->stop) && !is_outdated(worker)) {
        uint64_t due = purge_round(worker);
        counter_add(&worker->runs, 1);
        if (sleep_until_due(worker, due) && retire(worker)) {
            return;
        }
    }
    atomic_set_release(&worker->ended, true);
}

/* ---- start and end ---- */

static void
use_heavy_threads(void) {
    atomic_set(&background_heavy, true);
    atomic_set(&pa_purger_grows, true);
}

static void
join_worker(worker_t *worker) REQUIRES(role_background) {
    if (atomic_get(&worker->running)) {
        os_thread_join(&worker->thread);
        atomic_set_release(&worker->running, false);
    }
}

/* A light thread, where the process can have one. */
static bool
start_thread(worker_t *worker) {
    static const char name[] = "lunalloc_purge";
    if (!atomic_get(&background_heavy) && os_thread_light_possible()) {
        return os_thread_start_light(&worker->thread, name, background_work, worker, &thread_self);
    }
    use_heavy_threads();
    return os_thread_start(&worker->thread, name, background_work, worker);
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
    if (!start_thread(worker)) {
        atomic_set_release(&worker->running, false);
        atomic_set(&background_retry_at, clock_ns() + RETRY_AFTER);
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
void
background_stop_if_alone(void) {
    bool found = false;
    threads_lock();
    thread_each(find_application_thread, &found);
    threads_unlock();
    if (!found && background_try()) {
        stop_from(0);
        background_unlock();
    }
}

static _Atomic bool chosen; /* the setting is the user's. Synchronization: written under role_background, any reads. */

/* Has the user set background_thread, at the start or since? */
static bool
is_chosen(void) {
    return atomic_get(&chosen) || ctl_option_source(option_background_thread) != source_default;
}

/* ---- what the page layer calls ---- */

bool
background_young(void) {
    return clock_coarse_ns() - atomic_get(&background_born) < YOUTH;
}

/* Do threads start by themselves in this process? */
static bool
start_by_themselves(void) {
    return !atomic_get(&background_sandboxed) && (background_unasked || is_chosen());
}

/* May thread 0 be started now? */
static bool
may_start(void) {
    return !background_runs(&background_workers[0]) && atomic_get(&background_allowed) &&
           clock_coarse_ns() >= atomic_get(&background_retry_at) && start_by_themselves();
}

/* The other half of retire(). */
void
background_wake(uint32_t arena) {
    worker_t *worker = server_of(arena);
    if (background_runs(worker)) {
        event_count_notify(&worker->event_count);
    }
    if (may_start()) {
        start_worker_if_free(&background_workers[0], true);
    }
}

/* The start of a heavy thread allocates, which must not be from an arena that may be destroyed. */
static bool
is_bound_to_manual(const thread_t *thread) {
    arena_t *arena = atomic_get(&thread->arena);
    return arena != NULL && atomic_get(&arena->manual);
}

/* Told of until it is known that a light thread will do, or none. A heavy one starts before pages become free. */
void
background_grow(size_t bytes) {
    if (!atomic_get(&background_allowed)) {
        return;
    }
    bool never = !start_by_themselves();
    bool light = !never && !atomic_get(&background_heavy) && os_thread_light_possible();
    if (never || light) {
        atomic_set(&pa_purger_grows, false);
    }
    if (never || light || !may_start()) {
        return;
    }
    use_heavy_threads();
    if (is_bound_to_manual(thread_here())) {
        return;
    }
    size_t worth = is_chosen() ? PURGER_WORTH_YOUNG : GROWN_YOUNG;
    if (bytes >= atomic_get(&background_inherited) + worth || !background_young()) {
        start_worker_if_free(&background_workers[0], false);
    }
}

static bool
purger_runs(void) {
    return background_runs(&background_workers[0]);
}

static bool
purger_hooks(void) {
    return atomic_get(&background_serves_hooks);
}

const pa_purger_t background_purger = {
    .runs = purger_runs,
    .hooks = purger_hooks,
    .young = background_young,
    .wake = background_wake,
    .grow = background_grow,
};

/* ---- controls ---- */

static bool hooks_exist GUARDED_BY(role_background); /* an arena has had hooks of the application's */

/* Threads call hooks if the user wants threads. A light one cannot, so it ends. */
static void
serve_hooks_if_wanted(void) REQUIRES(role_background) {
    if (atomic_get(&chosen) && hooks_exist && !atomic_get(&background_serves_hooks)) {
        use_heavy_threads();
        end_from(0);
        atomic_set(&background_serves_hooks, true);
    }
}

/* 0, or EAGAIN: then it is as on or off as it was. */
static int
switch_on(void) REQUIRES(role_background) {
    bool was_on = background_is_on();
    atomic_set(&chosen, true);
    serve_hooks_if_wanted();
    background_fill_slots(true);
    if (start_worker(&background_workers[0])) {
        return 0;
    }
    background_fill_slots(was_on);
    return EAGAIN;
}

static void
switch_off(void) REQUIRES(role_background) {
    background_fill_slots(false);
    end_from(0);
}

/* The arenas rest, so that later pages start a thread again. */
bool
background_pause(void) {
    if (!background_runs(&background_workers[0]) || is_worker()) {
        return false;
    }
    background_lock();
    end_from(0);
    atomic_set(&background_retry_at, clock_coarse_ns() + RETRY_AFTER);
    background_rest_arenas(false);
    background_unlock();
    return true;
}

/* No light thread works on the arena while the hooks are set, and for a second. The caller is a thread of the
 * application's, or a hook in a thread that serves hooks already. */
void
background_hooked(void) {
    if (atomic_get(&background_serves_hooks) || is_worker()) {
        return;
    }
    bool ran = background_pause();
    background_lock();
    hooks_exist = true;
    atomic_set(&chosen, is_chosen());
    serve_hooks_if_wanted();
    if (ran && atomic_get(&background_serves_hooks)) {
        start_worker(&background_workers[0]);
    }
    background_unlock();
}

/* The child of a vfork says this of its parent, which shares its memory: then the parent has no threads, either. */
void
background_enter_sandbox(void) {
    if (!is_worker()) {
        atomic_set(&background_sandboxed, true);
        background_lock();
        end_from(0);
        background_unlock();
    }
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

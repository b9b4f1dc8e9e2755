/*
 * background.h -- threads that purge by decay, so that the application's threads need not, and an idle process gives
 * its memory back.
 *
 * Boot and the control background_thread switch them on and off; the page layer asks for them through pa_purger. Thread
 * i modulo background_max() serves arena i; thread 0 serves it while that thread does not run.
 *
 * Sleep. A thread sleeps until the decay curves of its arenas make enough pages due, however long that is. It is woken
 * when an arena without free pages gets some, when there are many more than before, and when a decay time changes.
 * Nothing polls.
 *
 * Start. Switching on starts thread 0 at once. At boot, and in the child of a fork, none starts before an arena has a
 * mebibyte of free pages that decay, those that age inside of slabs included; eight in the process's first second,
 * since most processes end within it. Until then the application's threads purge. Thread 0 starts each other thread
 * when an arena of that one first has pages to purge. Switched off, no thread runs, and nothing is done for them.
 *
 * Kind. Threads are light (os/thread_light.h), so that a program of one thread is none of two for the C library. They
 * are *heavy*, the C library's, where there can be no light ones; and where they are to call extent hooks, which may do
 * anything. Hooks are called only if the user has chosen to have threads (this setting is not the default): otherwise
 * threads that allocate purge arenas with hooks. Heavy threads cannot be started by a free, so they start where pages
 * are taken, in an arena of a mebibyte, or 32 in the first second, whether they are free or not.
 *
 * Sandboxes. A thread is started by system calls that a filter may end the process for. So none starts by itself once
 * the process has asked for no more rights, as it must before it filters its calls (control/sandbox_shared.c); and by
 * default none starts in a program that links the archive, whose calls are not seen. A filter that the process was
 * started under is not one of its own: it allows what its programs need.
 *
 * End. A thread that has had nothing to purge for twenty seconds ends; thread 0 last. A process ends when its last
 * thread ends, and these may be threads, too. So they end when no other thread that has allocated is left.
 *
 * Thread-safe. A fork waits until no background thread purges an arena of the system's memory, so that no page is in
 * transit in the child.
 */
#ifndef LUNALLOC_CONTROL_BACKGROUND_H
#define LUNALLOC_CONTROL_BACKGROUND_H

#include "observe/counters.h"
#include "os/lock.h"
#include "os/thread.h"

#define BACKGROUND_MAX 64

/* One background thread. */
typedef struct {
    os_thread_t thread;        /* Synchronization: role_background. */
    event_count_t event_count; /* the thread sleeps on it. Synchronization: its own. */
    lock_t round;              /* held while an arena of the system's memory is purged. Synchronization: its own. */
    _Atomic bool running;      /* started, and not joined yet. Synchronization: written under role_background. */
    _Atomic bool ended;        /* the thread's last act. Synchronization: set by the thread, cleared when it starts. */
    _Atomic bool stop;         /* the thread is to end. Synchronization: written under role_background. */
    _Atomic uint64_t runs;     /* rounds so far. Synchronization: written by the thread. */
    _Atomic uint64_t slept;    /* ns so far. Synchronization: written by the thread. */
} worker_t;

/* How long a thread stays with nothing to purge; ns. Tests shorten it. Synchronization: constant but for them. */
extern uint64_t background_linger_ns;

/* At boot: switches on if the options say so. Starts no thread. */
void background_boot(void);
/* The process has loaded its libraries: threads may start from now on. */
void background_allow(void);

bool background_is_on(void);
/* Ends the threads for a second or longer: the process is about to do what only one of a single thread may. No lock is
 * held. False: there were none. For the system a thread may exist a moment longer. */
bool background_pause(void);
/* The process is about to filter its system calls, or may be: ends the threads, and none starts by itself. No lock is
 * held. */
void background_enter_sandbox(void);
/* May threads start that the user did not ask for? Where the allocator learns of sandboxes (control/sandbox_*.c). */
extern const bool background_unasked;
/* The application is about to give an arena extent hooks of its own; no lock is held. */
void background_hooked(void);
/* On: thread 0 runs when this returns. Off: none runs. 0, EAGAIN if the system refuses a thread (nothing has changed),
 * or EDEADLK if a background thread calls it (from an extent hook), which cannot wait for its own end. */
int background_set(bool on);
/* The most threads, 1 .. options.max_background_threads, which it is at the start. */
size_t background_max(void);
/* Threads beyond the new number have ended when this returns. 0, EINVAL if it is more than the option, or EDEADLK. */
int background_set_max(size_t n);

/* Has the thread started, and not ended? */
static inline bool
background_runs(const worker_t *worker) {
    return atomic_get_acquire(&worker->running) && !atomic_get_acquire(&worker->ended);
}

/* Pure: adds one thread to the counts; then sets what follows from them. The module does the same with copies of
 * another process. */
static inline void
background_add(stats_background_t *out, const worker_t *worker) {
    out->num_threads += background_runs(worker);
    out->num_runs += atomic_get(&worker->runs);
}

static inline void
background_finish(stats_background_t *out, uint64_t slept) {
    out->run_interval = out->num_runs == 0 ? 0 : slept / out->num_runs;
}

/* Counts of all threads together. */
void background_stats(stats_background_t *out);

/* When a thread that goes to sleep at `now` wakes if pages are due at `due`: in a millisecond at the earliest. */
uint64_t background_wake_time(uint64_t now, uint64_t due);

/* The lock of starting and ending threads, whose counters are a control. */
lock_t *background_mutex(void);

void background_prefork(void);
void background_postfork(bool child);

#endif

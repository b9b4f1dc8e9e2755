/* reporter.c -- requests, the thread, the signal, fork. */
#include "control/reporter.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/options.h"
#include "control/agent_alone.h"
#include "control/report_file.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/signal.h"
#include "os/thread.h"
#include "thread/refresh.h"

#include <errno.h>

/* How long the thread sleeps at most: then it looks whether the process is about to end; ns. */
#define LONGEST_SLEEP UINT64_C(2000000000)

typedef enum {
    REPORTER_OFF,
    REPORTER_STARTING, /* a thread starts it, and alone may touch `thread` */
    REPORTER_RUNS,
    REPORTER_ENDED /* not joined yet */
} reporter_state_t;

static os_thread_t thread;       /* Synchronization: the thread that has set REPORTER_STARTING. */
static event_count_t wake;       /* the reporter sleeps on it. Synchronization: its own. */
static _Atomic uint32_t state;   /* reporter_state_t. Synchronization: any thread, by compare-and-swap. */
static _Atomic bool allowed;     /* threads may start. Synchronization: written once; any thread reads. */
static _Atomic bool exiting;     /* the process runs its exit handlers. Synchronization: any thread. */
static _Atomic uint32_t process; /* the one that it belongs to. Synchronization: start and fork write. */
static _Atomic bool refused;     /* the system has refused a thread, and a line has said so. Synchronization: any. */
static lock_t lock = LOCK_INITIALIZER(RANK_REPORT); /* held while a file is written. Synchronization: its own. */

/* Synchronization: any thread adds, also in the handler of a signal; the reporter clears. */
static _Atomic uint32_t asked[REPORT_OCCASIONS];

static bool
is_asked(void) {
    return atomic_get(&asked[REPORT_BY_SIGNAL]) != 0 || atomic_get(&asked[REPORT_BY_INTERVAL]) != 0;
}

/* Not a child that shares our memory (vfork), or that no handler of fork has seen. */
static bool
is_own_process(void) {
    return os_process_id() == atomic_get(&process);
}

/* ---- the thread ---- */

static void
write_due(void) {
    for (report_occasion_t i = 0; i < REPORT_OCCASIONS; i++) {
        if (atomic_exchange_explicit(&asked[i], 0, memory_order_acquire) == 0) {
            continue;
        }
        lock_acquire(&lock);
        if (!atomic_get(&exiting)) {
            report_file_write(i);
        }
        lock_release(&lock);
    }
}

static void
run(void *arg) {
    (void)arg;
    do {
        write_due();
        event_count_wait(&wake, clock_ns() + LONGEST_SLEEP);
    } while (is_asked() || !agent_is_alone());
    atomic_set_release(&state, REPORTER_ENDED);
}

/* ---- start ---- */

/* The state that was there before, which the caller changes to REPORTER_STARTING; false if it runs. */
static bool
take_start(reporter_state_t from) {
    uint32_t old = from;
    return atomic_compare_exchange_strong_explicit(&state, &old, REPORTER_STARTING, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void
start_thread(void) {
    if (os_thread_start(&thread, "lunalloc_report", run, NULL)) {
        uint32_t starting = REPORTER_STARTING; /* it may have ended by now */
        atomic_compare_exchange_strong_explicit(&state, &starting, REPORTER_RUNS, memory_order_release,
                                                memory_order_relaxed);
        return;
    }
    atomic_set_release(&state, REPORTER_OFF);
    if (!atomic_exchange_explicit(&refused, true, memory_order_relaxed)) {
        warn("report: the system refuses a thread to write it (its limit on threads, or memory)");
    }
}

static void
start_if_off(void) {
    if (!atomic_get(&allowed) || atomic_get(&exiting) || !is_own_process()) {
        return;
    }
    if (take_start(REPORTER_ENDED)) {
        os_thread_join(&thread);
        start_thread();
    } else if (take_start(REPORTER_OFF)) {
        start_thread();
    }
}

void
reporter_ask_at_interval(void) {
    atomic_add(&asked[REPORT_BY_INTERVAL], 1);
    start_if_off();
    event_count_notify(&wake);
}

/* ---- the signal ---- */

/* Where no thread runs, as in the child of a fork, the next slow path starts one: bumping the generation leads all
 * threads to threads_refreshed. */
static void
handle_signal(int number) {
    (void)number;
    atomic_add(&asked[REPORT_BY_SIGNAL], 1);
    uint32_t now = atomic_get(&state);
    if (now == REPORTER_OFF || now == REPORTER_ENDED) {
        config_generation_bump();
    }
    event_count_notify(&wake);
}

static void
start_if_asked(void) {
    if (is_asked()) {
        start_if_off();
    }
}

/* False, after a line, if the process does something else with the signal. */
static bool
take_signal(void) {
    int error = signal_handle(signal_number(options.dump_signal), handle_signal);
    if (error == 0) {
        return true;
    }
    char text[160];
    fmt_t out = fmt_begin(text, sizeof text);
    fmt_str(&out, "dump_signal: ");
    fmt_str(&out, options.dump_signal);
    fmt_str(&out, error == EBUSY ? " is handled or ignored in this process already, and is left alone"
                                 : " cannot be handled here");
    warn(text);
    return false;
}

void
reporter_begin(void) {
    atomic_set(&process, os_process_id());
    atomic_set_release(&allowed, true);
    bool wanted = options.dump_signal[0] != '\0' && take_signal();
    if (wanted) {
        atomic_set_release(&threads_refreshed, start_if_asked);
    }
    if (wanted || is_asked()) {
        start_if_off();
    }
}

/* ---- end, and fork ---- */

static NOINLINE void
end_at_exit(void) {
    if (is_own_process()) {
        atomic_set(&exiting, true);
        lock_acquire(&lock);
        lock_release(&lock);
    }
}

/* The thread itself need not end: it is gone with the process. */
__attribute__((destructor)) static AT_LOAD void
exits(void) {
    if (atomic_get(&state) == REPORTER_RUNS) {
        end_at_exit();
    }
}

void
reporter_prefork(void) {
    lock_prefork(&lock);
}

static void
forget_thread(void) {
    thread = (os_thread_t){0};
    wake = (event_count_t){0};
    atomic_set(&state, REPORTER_OFF);
    atomic_set(&process, os_process_id());
    for (report_occasion_t i = 0; i < REPORT_OCCASIONS; i++) {
        atomic_set(&asked[i], 0);
    }
    report_file_forked();
}

void
reporter_postfork(bool child) {
    if (child && atomic_get(&allowed)) {
        forget_thread();
    }
    lock_postfork(&lock, child);
}

/* agent.c -- start, end, fork. */
#include "control/agent.h"

#include "base/options.h"
#include "control/agent_alone.h"
#include "control/target.h"
#include "os/socket.h"
#include "os/system.h"
#include "os/thread.h"
#include "thread/thread_life.h"

#include <errno.h>

/* Synchronization: the thread that has set the state to AGENT_STARTING: these variables. */
static os_thread_t thread;
static bool running; /* started, and not joined yet */

static _Atomic bool stop;    /* it is to end. Synchronization: any thread. */
static _Atomic bool exiting; /* the process runs its exit handlers. Synchronization: any thread; never becomes false. */

static _Atomic uint32_t thread_id; /* Synchronization: the agent writes, any thread reads; the latest one's number. */
static _Atomic uint32_t nconnections; /* Synchronization: the agent writes, any thread reads. */

_Atomic(agent_work_t) agent_work;

uint32_t
agent_connections(void) {
    return atomic_get(&nconnections);
}

void
agent_set_connections(uint32_t n) {
    atomic_set(&nconnections, n);
}

static agent_state_t
state(void) {
    return (agent_state_t)atomic_get_acquire(&lunalloc_target.agent);
}

static void
set_state(agent_state_t next, int error) {
    atomic_set(&lunalloc_target.error, (uint32_t)error);
    atomic_set_release(&lunalloc_target.agent, next);
    os_wake_one(&lunalloc_target.agent); /* end_if_alone sleeps on it */
}

/* ---- the thread ---- */

static bool
is_to_stop(void) {
    return atomic_get(&stop) || atomic_get(&exiting);
}

static void
listening(void) {
    set_state(AGENT_LISTENS, 0);
}

/* The state is the last thing that is set: from then on another thread may join this one. */
static void
run(void *arg) {
    (void)arg;
    atomic_set(&thread_id, os_thread_id());
    int error =
        atomic_get(&agent_work)(atomic_get(&lunalloc_target.pid), lunalloc_target.socket, listening, is_to_stop);
    set_state(error == 0 ? AGENT_OFF : AGENT_FAILED, error);
}

/* ---- start ---- */

static void end_if_alone(void);

/* Not in a child that shares our memory (vfork), or that no handler of fork has seen. */
static bool
is_own_process(void) {
    return os_process_id() == atomic_get(&lunalloc_target.pid);
}

static bool
is_allowed(void) {
    if (options.agent == agent_never || system_is_privileged() || socket_user() != socket_real_user()) {
        set_state(AGENT_NEVER, 0);
    }
    return state() != AGENT_NEVER && !atomic_get(&exiting);
}

/* True if the caller is the one who starts it now. */
static bool
take_start(void) {
    uint32_t old = state();
    return (old == AGENT_OFF || old == AGENT_FAILED) &&
           atomic_compare_exchange_strong_explicit(&lunalloc_target.agent, &old, AGENT_STARTING, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* An earlier thread has ended, or is about to. */
static void
join(void) {
    if (running) {
        os_thread_join(&thread);
        running = false;
    }
}

static int
start_thread(void) {
    join();
    atomic_set_release(&threads_gone, end_if_alone);
    atomic_set(&stop, false);
    running = os_thread_start(&thread, "lunalloc_agent", run, NULL);
    return running ? 0 : EAGAIN;
}

static int
start(bool asked) {
    if (!is_own_process() || !is_allowed()) {
        return EPERM;
    }
    if (!take_start()) {
        return 0;
    }
    bool refused = asked && socket_calls_filtered() && atomic_get(&lunalloc_target.forced) == 0;
    int error = !socket_supported() ? ENOTSUP : refused ? EACCES : start_thread();
    if (error != 0) {
        set_state(AGENT_FAILED, error);
    }
    return error;
}

void
agent_requested(void) {
    start(true);
}

void
agent_begin(void) {
    if (options.agent == agent_from_start || options.agent == agent_read_only) {
        start(false);
    }
}

/* A thread that has ended holds its stack until it is joined. */
static void
join_ended(void) {
    if (take_start()) {
        join();
        set_state(AGENT_OFF, 0);
    }
}

/* Wakes the thread, if it waits for connections. */
static void
tell_to_stop(void) {
    atomic_set(&stop, true);
    if (state() == AGENT_LISTENS && !os_thread_is_self(&thread)) {
        socket_knock(lunalloc_target.socket);
    }
}

/* A thread of the application's has ended, so far that it allocates no more. If no other one is left, the agent ends
 * before it: the C library runs exit handlers on the last thread of a process, and the agent has not the process's
 * descriptors, which they may want to write to. */
static void
end_if_alone(void) {
    uint32_t now = state();
    bool runs = now == AGENT_STARTING || now == AGENT_LISTENS;
    if (!runs || os_thread_id() == atomic_get(&thread_id) || agent_known_thread_left()) {
        return;
    }
    tell_to_stop();
    while ((now = state()) == AGENT_STARTING || now == AGENT_LISTENS) {
        os_sleep_on(&lunalloc_target.agent, now);
    }
    os_wake_one(&lunalloc_target.agent); /* another thread that ends may sleep, too */
    join_ended();
}

int
agent_set(bool on) {
    if (on) {
        atomic_set(&stop, false);
        return start(false);
    }
    tell_to_stop();
    join_ended();
    return 0;
}

bool
agent_is_on(void) {
    return (state() == AGENT_STARTING || state() == AGENT_LISTENS) && !atomic_get(&stop);
}

/* ---- end, and fork ---- */

static NOINLINE void
end_at_exit(void) {
    if (is_own_process()) {
        atomic_set(&exiting, true);
        if (state() == AGENT_LISTENS) {
            socket_remove_path(lunalloc_target.socket);
        }
    }
}

/* The thread itself need not end: it is gone with the process. */
__attribute__((destructor)) static AT_LOAD void
exits(void) {
    uint32_t now = atomic_get(&lunalloc_target.agent);
    if (now == AGENT_STARTING || now == AGENT_LISTENS) {
        end_at_exit();
    }
}

void
agent_postfork(bool child) {
    if (!child) {
        return;
    }
    atomic_set(&stop, true); /* in the child of a hook that the agent ran, it is the agent that goes on */
    thread = (os_thread_t){0};
    running = false;
    atomic_set(&lunalloc_target.pid, os_process_id());
    if (state() != AGENT_NEVER) {
        set_state(AGENT_OFF, 0);
    }
    agent_set_connections(0);
}

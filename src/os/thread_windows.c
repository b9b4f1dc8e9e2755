/* thread_windows.c -- winpthreads, and WaitOnAddress. Threads have no signals to block and no names that tools show. */
#include "os/thread.h"

#include "os/clock.h"

#include <process.h>
#include <windows.h>

#define NS_PER_MS 1000000U

uint32_t
os_thread_id(void) {
    return GetCurrentThreadId();
}

uint32_t
os_process_id(void) {
    return (uint32_t)_getpid();
}

static void *
begin(void *arg) {
    os_thread_t *thread = arg;
    uint32_t id = os_thread_id();
    os_thread_enter(id);
    atomic_set(&thread->self, id);
    thread->run(thread->arg);
    atomic_set(&thread->self, 0);
    os_thread_leave(id);
    return NULL;
}

bool
os_thread_start(os_thread_t *thread, const char *name, void (*run)(void *), void *arg) {
    thread->name = name;
    thread->run = run;
    thread->arg = arg;
    return pthread_create(&thread->id, NULL, begin, thread) == 0;
}

void
os_thread_join(os_thread_t *thread) {
    pthread_join(thread->id, NULL);
}

void
os_thread_yield(void) {
    SwitchToThread();
}

void
os_sleep_on(_Atomic uint32_t *word, uint32_t value) {
    WaitOnAddress((volatile void *)word, &value, sizeof value, INFINITE);
}

void
os_wake_one(_Atomic uint32_t *word) {
    WakeByAddressSingle((void *)word);
}

/* Milliseconds until then, rounded up; INFINITE for no limit. */
static DWORD
time_left(uint64_t until, uint64_t now) {
    uint64_t ms = (until - now + NS_PER_MS - 1) / NS_PER_MS;
    return until == UINT64_MAX || ms >= INFINITE ? INFINITE : (DWORD)ms;
}

bool
event_count_wait(event_count_t *event_count, uint64_t until) {
    uint32_t not_pending = 0;
    while (atomic_exchange_explicit(&event_count->pending, 0, memory_order_acquire) == 0) {
        uint64_t now = clock_ns();
        if (now >= until) {
            return false;
        }
        WaitOnAddress((volatile void *)&event_count->pending, &not_pending, sizeof not_pending, time_left(until, now));
    }
    return true;
}

/* thread_windows.c -- winpthreads, and waiting on an address. Threads have no signals to block and no names to show. */
#include "os/thread.h"

#include "os/clock.h"
#include "os/system.h"

#include <windows.h>

#define NS_PER_MS 1000000U

static void *
begin(void *arg) {
    os_thread_t *thread = arg;
    atomic_set(&thread->self, system_thread_id());
    thread->run(thread->arg);
    atomic_set(&thread->self, 0);
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

bool
os_thread_is_self(const os_thread_t *thread) {
    return atomic_get(&thread->self) == system_thread_id();
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

void
event_count_notify(event_count_t *event_count) {
    if (atomic_exchange_explicit(&event_count->rung, 1, memory_order_release) == 0) {
        os_wake_one(&event_count->rung);
    }
}

/* Milliseconds from now on, rounded up; INFINITE for never. */
static DWORD
time_left(uint64_t until, uint64_t now) {
    uint64_t ms = (until - now + NS_PER_MS - 1) / NS_PER_MS;
    return until == UINT64_MAX || ms >= INFINITE ? INFINITE : (DWORD)ms;
}

void
event_count_wait(event_count_t *event_count, uint64_t until) {
    uint32_t silent = 0;
    while (atomic_exchange_explicit(&event_count->rung, 0, memory_order_acquire) == 0) {
        uint64_t now = clock_ns();
        if (now >= until) {
            return;
        }
        WaitOnAddress((volatile void *)&event_count->rung, &silent, sizeof silent, time_left(until, now));
    }
}

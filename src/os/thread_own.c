/* thread_own.c -- which threads are the allocator's own: their numbers, in a table that any thread reads. */
#include "os/thread.h"

/* Synchronization: a running thread of ours has one place, which it takes and clears; any thread reads. */
static _Atomic uint32_t own[OS_THREADS_OWN];

void
os_thread_enter(uint32_t id) {
    for (unsigned i = 0; i < OS_THREADS_OWN; i++) {
        uint32_t free = 0;
        if (atomic_compare_exchange_strong_explicit(&own[i], &free, id, memory_order_relaxed, memory_order_relaxed)) {
            return;
        }
    }
}

void
os_thread_leave(uint32_t id) {
    for (unsigned i = 0; i < OS_THREADS_OWN; i++) {
        if (atomic_get(&own[i]) == id) {
            atomic_set(&own[i], 0);
            return;
        }
    }
}

bool
os_thread_is_own(uint32_t id) {
    for (unsigned i = 0; i < OS_THREADS_OWN; i++) {
        if (atomic_get(&own[i]) == id) {
            return true;
        }
    }
    return false;
}

void
os_thread_forked(void) {
    for (unsigned i = 0; i < OS_THREADS_OWN; i++) {
        atomic_set(&own[i], 0);
    }
}

/* thread.c -- what is alike on every system that has POSIX threads. */
#include "os/thread.h"

static pthread_key_t exit_key;

bool
os_thread_exit_boot(void (*destroy)(void *)) {
    return pthread_key_create(&exit_key, destroy) == 0;
}

bool
os_thread_at_exit(void *value) {
    return pthread_setspecific(exit_key, value) == 0;
}

bool
os_thread_is_self(const os_thread_t *thread) {
    return atomic_get(&thread->self) == os_thread_id();
}

/* The area was copied by the fork, and serves the next light thread. */
void
os_thread_forget(os_thread_t *thread) {
    void *area = thread->area;
    size_t area_size = thread->area_size;
    *thread = (os_thread_t){0};
    thread->area = area;
    thread->area_size = area_size;
}

void
event_count_notify(event_count_t *event_count) {
    if (atomic_exchange_explicit(&event_count->pending, 1, memory_order_seq_cst) == 0) {
        os_wake_one(&event_count->pending);
    }
}

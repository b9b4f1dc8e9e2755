/* refresh.c -- what threads do when all are asked. */
#include "thread/refresh.h"

#include "thread/quarantine.h"
#include "thread/tcache.h"

static _Atomic uint32_t flushes; /* Synchronization: any thread; how often they were asked for. */

void
thread_flush(thread_t *thread) {
    tcache_flush(&thread->cache);
    quarantine_flush(thread);
}

/* The word first: what is asked meanwhile is another time's. */
void
thread_refresh_slow(thread_t *thread) {
    if (thread == &thread_exited || hooks_running()) {
        return;
    }
    atomic_set(&thread->config_generation, config_generation_latest());
    uint32_t wanted = atomic_get(&flushes);
    if (thread_rebind(thread) || thread->flushed != wanted) {
        thread->flushed = wanted;
        thread_flush(thread);
    }
    thread_refit(thread);
    quarantine_fit(thread);
    tcache_redraw(&thread->cache);
}

void
threads_request_refresh(void) {
    config_generation_bump();
    if (thread_self != &thread_uninitialised) {
        thread_refresh(thread_here());
    }
}

void
threads_request_flush(void) {
    atomic_add(&flushes, 1);
    threads_request_refresh();
}

static void
add_behind(const thread_t *thread, void *context) {
    uint32_t *n = context;
    *n += atomic_get(&thread->config_generation) != config_generation_latest();
}

uint32_t
threads_stale(void) {
    uint32_t n = 0;
    threads_lock();
    thread_each(add_behind, &n);
    threads_unlock();
    return n;
}

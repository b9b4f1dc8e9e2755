/* follow.c -- what threads do when all are asked. */
#include "thread/follow.h"

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
thread_serve(thread_t *thread) {
    if (thread == &thread_gone || hooks_running()) {
        return;
    }
    atomic_set(&thread->served, request_latest());
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
threads_ask(void) {
    request_all();
    if (thread_self != &thread_unborn) {
        thread_follow(thread_here());
    }
}

void
threads_ask_flush(void) {
    atomic_add(&flushes, 1);
    threads_ask();
}

static void
add_behind(const thread_t *thread, void *context) {
    uint32_t *n = context;
    *n += atomic_get(&thread->served) != request_latest();
}

uint32_t
threads_behind(void) {
    uint32_t n = 0;
    threads_lock();
    thread_each(add_behind, &n);
    threads_unlock();
    return n;
}

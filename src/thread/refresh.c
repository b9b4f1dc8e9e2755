/* refresh.c -- requests to all threads, and what each does about them. */
#include "thread/refresh.h"

#include "base/options.h"
#include "extent/hooks.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"

void (*_Atomic threads_requested)(void);
void (*_Atomic threads_refreshed)(void);
void (*_Atomic threads_recorded)(thread_t *thread, bool ends);
static _Atomic uint32_t flushes; /* Synchronization: any thread adds; how often a flush was requested. */

void
thread_flush(thread_t *thread) {
    tcache_flush(&thread->cache);
    quarantine_flush(thread);
}

bool
thread_is_behind(const thread_t *thread) {
    return atomic_get(&thread->config_generation) != atomic_get_acquire(&config_generation.both);
}

static void
call_threads_requested(void) {
    void (*serve)(void) = atomic_get_acquire(&threads_requested);
    if (serve != NULL) {
        serve();
    }
}

static void
call_threads_refreshed(void) {
    void (*tell)(void) = atomic_get_acquire(&threads_refreshed);
    if (tell != NULL) {
        tell();
    }
}

static void
call_threads_recorded(thread_t *thread) {
    void (*join)(thread_t *, bool) = atomic_get_acquire(&threads_recorded);
    if (join != NULL) {
        join(thread, false);
    }
}

/* The generation is stored first: a request that arrives meanwhile makes the thread stale again. */
void
thread_refresh(thread_t *thread) {
    if (thread == &thread_exited || hooks_running() || !thread_is_behind(thread)) {
        return;
    }
    config_generation_t old = {.both = atomic_get(&thread->config_generation)};
    config_generation_t now = {.both = atomic_get_acquire(&config_generation.both)};
    atomic_set(&thread->config_generation, now.both);
    uint32_t wanted = atomic_get(&flushes) + atomic_get(&thread->flushes);
    if (thread_rebind(thread) || thread->flushed != wanted) {
        thread->flushed = wanted;
        thread_flush(thread);
    }
    thread_refit(thread);
    quarantine_fit(thread);
    tcache_redraw(&thread->cache);
    if (old.part.requests != now.part.requests) {
        call_threads_requested();
    }
    call_threads_recorded(thread);
    call_threads_refreshed();
}

/* A caller without a state, as before boot, has nothing to refresh. */
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

bool
threads_request_flush_of(uint32_t id) {
    threads_lock();
    thread_t *thread = threads_after(0);
    while (thread != NULL && thread->id != id) {
        thread = threads_next(thread);
    }
    if (thread != NULL) {
        atomic_add(&thread->flushes, 1);
    }
    threads_unlock();
    threads_request_refresh();
    return thread != NULL;
}

/* Other modes may change at the same time, on other threads. */
void
modes_set(uint64_t mask, uint64_t modes) {
    uint64_t old = atomic_get(&options.modes);
    while (!atomic_compare_exchange_weak_explicit(&options.modes, &old, (old & ~mask) | (modes & mask),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    threads_request_refresh();
}

static void
add_stale(const thread_t *thread, void *context) {
    uint32_t *n = context;
    *n += thread_is_behind(thread);
}

uint32_t
threads_stale(void) {
    uint32_t n = 0;
    threads_lock();
    thread_each(add_stale, &n);
    threads_unlock();
    return n;
}

/* thread_cache.c -- which arena a thread has, and whether and how much it caches. Part of thread.h's contract. */
#include "arena/arenas_bind.h"
#include "base/options.h"
#include "thread/front.h"
#include "thread/modes.h"
#include "thread/tcache.h"

/* ---- the thread's cache ---- */

uint32_t
thread_nclasses(const thread_t *thread) {
    uint32_t n = tcache_nclasses();
    return n < thread->most_cached ? n : thread->most_cached;
}

bool
thread_is_cached(const thread_t *thread) {
    return thread != &thread_exited && !thread->uncached;
}

bool
thread_has_no_cache(const thread_t *thread) {
    return thread->uncached || !options.tcache;
}

/* A mode must see every call, so it keeps the cache at no class. */
void
thread_refit(thread_t *thread) {
    bool on = thread_is_cached(thread) && modes_on(MODES_ALL) == 0;
    bool isolated = on && atomic_get(&atomic_get(&thread->arena)->manual);
    if (UNLIKELY(isolated != thread->isolated)) {
        tcache_fit(&thread->cache, 0);
    }
    if (UNLIKELY(isolated || thread->isolated)) {
        on = thread_isolate(thread, isolated) && on;
    }
    tcache_fit(&thread->cache, on ? thread_nclasses(thread) : 0);
}

void
thread_set_cached(thread_t *thread, bool on) {
    if (thread != &thread_exited) {
        thread->uncached = !on;
        thread_refit(thread);
    }
}

void
thread_set_most_cached(thread_t *thread, uint32_t n) {
    if (thread != &thread_exited) {
        thread->most_cached = n;
        thread_refit(thread);
    }
}

/* ---- the thread's arena ---- */

/* The cache is emptied, so that the next allocations are the new arena's. */
void
thread_bind(thread_t *thread, arena_t *arena) {
    arena_t *old = atomic_get(&thread->arena);
    if (thread == &thread_exited) {
        return;
    }
    thread->chose = true;
    if (arena == old) {
        return;
    }
    arenas_bind(arena);
    tcache_fit(&thread->cache, 0);
    threads_set_arena(thread, arena);
    arenas_unbind(old);
    thread_refit(thread);
}

bool
thread_rebind(thread_t *thread) {
    arena_t *old = atomic_get(&thread->arena);
    uint32_t generation = arenas_generation();
    if (thread->arenas_generation == generation) {
        return false;
    }
    thread->arenas_generation = generation;
    arena_t *arena = arenas_rebind(old);
    if (arena != old) {
        thread->chose = false;
        threads_set_arena(thread, arena);
    }
    return arena != old;
}

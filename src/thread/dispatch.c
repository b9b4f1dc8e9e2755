/*
 * dispatch.c -- from caches and arenas to callers, and back.
 *
 * How an allocation is served, first match first:
 *   cached    the cache covers the class: pop; else refill from the arena (tcache.c). The object is a sample if a
 *             countdown has ended that says so
 *   uncached  straight from the arena: a sample, a large or a small object
 *   again     the same, after all unused memory was given back
 */
#include "thread/dispatch.h"

#include "arena/arenas_special.h"
#include "arena/sample.h"
#include "arena/slab_decay.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/decay_pass.h"
#include "os/clock.h"
#include "thread/modes.h"
#include "thread/quarantine.h"
#include "thread/refresh.h"
#include "thread/tcache.h"

#include <string.h>

/* ---- what slow paths do beside their call ---- */

/* Slow-path events between two ticks. */
#define EVENTS_PER_TICK 16

static inline void
tick_arena(arena_t *arena, uint64_t now) {
    if (pa_is_timed(&arena->pages)) {
        pa_tick(&arena->pages, now);
    }
    arena_tick(arena, now);
}

/* Advances decay in the thread's arena and in one other, in turn, because an arena whose threads are idle does not tick
 * itself; and collects one bin of the cache. The time tells others that the thread is at work (observe/threads.h). */
static void
dispatch_tick(thread_t *thread) {
    arena_t *own = atomic_get(&thread->arena);
    arena_t *other = arenas_get(thread->ticks / EVENTS_PER_TICK % arenas_count());
    uint64_t now = clock_coarse_ns();
    atomic_set(&thread->ticked_at, now);
    tick_arena(own, now);
    if (other != NULL && other != own) {
        tick_arena(other, now);
    }
    if (thread->cache.ncached > 0) {
        tcache_collect(&thread->cache);
    }
}

/* Counts a slow-path event. Not inside of a hook: a tick could call hooks again. thread_exited is shared by threads, so
 * it never ticks. */
static inline void
count_event(thread_t *thread) {
    if (thread == &thread_exited || UNLIKELY(hooks_running())) {
        return;
    }
    if (++thread->ticks % EVENTS_PER_TICK == 0) {
        dispatch_tick(thread);
    }
}

/* One load and one compare where nothing has changed. */
static inline void
refresh_if_stale(thread_t *thread) {
    if (UNLIKELY(atomic_get(&thread->config_generation) != atomic_get_acquire(&config_generation.both))) {
        thread_refresh(thread);
    }
}

void
dispatch_housekeep(thread_t *thread) {
    witness_no_core_lock();
    refresh_if_stale(thread);
    count_event(thread);
}

/* Adds bytes to the counters of a tracked thread. Others compute their totals on demand (byte_counters.h). */
static inline void
note_bytes(thread_t *thread, size_t allocated, size_t freed) {
    if (UNLIKELY(thread->bytes.tracked)) {
        byte_counters_note(thread, allocated, freed);
    }
}

void
dispatch_count_direct(thread_t *thread, size_t allocated, size_t freed) {
    byte_counters_add_direct(&thread->bytes, allocated, freed);
    note_bytes(thread, allocated, freed);
}

/* Is any mode on? One test keeps all modes off the common path. */
static inline bool
modes_apply(void) {
    return UNLIKELY(atomic_get(&options.modes) != 0);
}

/* Zeros take precedence over junk. Memory that reads as zeros already is not written. */
COLD void
dispatch_fill(void *at, size_t size, bool *zeroed) {
    bool zero = modes_on(MODE_ZERO) != 0;
    bool junk = modes_on(MODE_JUNK_ALLOC) != 0;
    if ((zero && !*zeroed) || (junk && !zero)) {
        memset(at, zero ? 0 : JUNK_ALLOCATED, size);
        *zeroed = zero;
    }
}

/* ---- allocations ---- */

/* Threads that chose their arena stay with it. */
static COLD arena_t *
oversize_arena(arena_t *own) {
    arena_t *arena = atomic_get(&own->manual) ? NULL : arenas_oversize();
    return arena == NULL ? own : arena;
}

arena_t *
dispatch_arena(thread_t *thread, arena_t *wanted, uint32_t szind) {
    if (UNLIKELY(hooks_running())) {
        return arenas_fallback();
    }
    if (wanted != NULL) {
        return wanted;
    }
    arena_t *own = atomic_get(&thread->arena);
    return LIKELY(szind < arenas_oversize_from) ? own : oversize_arena(own);
}

/* A sample, if the profiler draws this allocation; else a large or a small object. `named`: the caller or the thread
 * chose this arena, so a large allocation may not come from another one. */
static void *
alloc_from_arena(thread_t *thread, arena_t *arena, bool named, uint32_t szind, size_t alignment, bool *zeroed) {
    void *ptr = sample_now(szind) ? arena_malloc_sampled(arena, szind, alignment, zeroed) : NULL;
    if (ptr == NULL && !sc_is_small(szind)) {
        return named ? arena_malloc_large_in(arena, szind, alignment, zeroed)
                     : arena_malloc_large(arena, szind, alignment, zeroed);
    }
    *zeroed = *zeroed && ptr != NULL;
    return ptr != NULL ? ptr : arena_malloc_small(arena, szind, thread->bin_shard);
}

/* Counts the request itself: no cache does. */
static void *
alloc_uncached(thread_t *thread, arena_t *wanted, uint32_t szind, size_t alignment, bool *zeroed) {
    refresh_if_stale(thread);
    count_event(thread);
    arena_t *arena = dispatch_arena(thread, wanted, szind);
    if (UNLIKELY(arena == NULL)) {
        return NULL;
    }
    void *ptr = alloc_from_arena(thread, arena, wanted != NULL || thread->chose, szind, alignment, zeroed);
    if (ptr != NULL) {
        arena_count_requests(arena, szind, 1);
    }
    return ptr;
}

/* Inside of a hook another arena serves, of whose objects the cache of an isolated thread takes none. */
static bool
must_pass_cache(const thread_t *thread, const cache_t *cache, const arena_t *arena) {
    return UNLIKELY(thread->isolated) && cache == &thread->cache && arena != NULL &&
           arena != atomic_get(&thread->arena);
}

/* The bin is empty, or its countdown has ended. */
static void *
refill_cache(thread_t *thread, source_t source, uint32_t szind) {
    bool sample = tcache_count_request(source.cache, szind);
    refresh_if_stale(thread);
    if (LIKELY(!sample)) {
        count_event(thread);
    }
    arena_t *arena = dispatch_arena(thread, source.arena, szind);
    void *ptr = UNLIKELY(sample) ? tcache_alloc_sampled(source.cache, arena, szind) : NULL;
    if (UNLIKELY(ptr != NULL)) {
        return ptr;
    }
    return must_pass_cache(thread, source.cache, arena)
               ? tcache_alloc_past(source.cache, arena, thread->bin_shard, szind)
               : tcache_alloc_slow(source.cache, arena, thread->bin_shard, szind);
}

/* The fast path has tried the thread's own cache for sizes up to SC_LOOKUP_MAX. For larger ones malloc may have: it has
 * counted the request if the countdown is at 0. In other cases the cache is tried here, after countdowns that predate a
 * change of sampling have been drawn again. */
static void *
alloc_cached(thread_t *thread, source_t source, uint32_t szind) {
    void *ptr;
    cache_bin_t *bin = &source.cache->bins[szind + 1];
    bool own = source.cache == &thread->cache;
    bool tried = own && (sc.size[szind] <= SC_LOOKUP_MAX || bin->remain == 0);
    if (!tried) {
        tcache_redraw(source.cache);
        if (cache_bin_pop(bin, &ptr)) {
            return ptr;
        }
    }
    return refill_cache(thread, source, szind);
}

/* One attempt. A request that needs more alignment than a page bypasses the cache. */
static void *
alloc_once(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    bool cached = source.cache != NULL && szind < source.cache->ncached && alignment <= sc.page;
    bool own = cached && source.cache == &thread->cache;
    void *ptr =
        cached ? alloc_cached(thread, source, szind) : alloc_uncached(thread, source.arena, szind, alignment, zeroed);
    *zeroed = *zeroed && !cached;
    if (!own && ptr != NULL) {
        byte_counters_add_direct(&thread->bytes, sc.size[szind], 0);
    }
    return ptr;
}

/* A second attempt. Giving memory back first calls hooks, so not inside of one. */
static COLD void *
alloc_again(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    if (!hooks_running()) {
        arenas_release_unused();
        quarantine_flush(thread);
    }
    void *ptr = alloc_once(thread, source, szind, alignment, zeroed);
    if (thread->bytes.tracked) {
        byte_counters_update_tracked(thread);
    }
    return ptr;
}

void *
dispatch_alloc(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    void *ptr = alloc_once(thread, source, szind, alignment, zeroed);
    if (LIKELY(ptr != NULL)) {
        note_bytes(thread, sc.size[szind], 0);
    } else {
        ptr = alloc_again(thread, source, szind, alignment, zeroed);
    }
    if (modes_apply() && ptr != NULL) {
        dispatch_fill(ptr, sc.size[szind], zeroed);
    }
    return ptr;
}

/* ---- frees ---- */

/* Applies the modes of frees to an object, once it is known to be a live one. True if it waits in quarantine: the free
 * is complete then. */
static COLD bool
freed_in_modes(thread_t *thread, void *ptr) {
    uint64_t modes = modes_on(MODES_OF_FREE);
    if (modes == 0) {
        return false;
    }
    const extent_t *e = arena_extent_of(ptr, "free");
    arena_expect_live(e, ptr);
    size_t size = sc.size[e->szind];
    if (quarantine_add(thread, e, ptr)) {
        count_event(thread);
        dispatch_count_direct(thread, 0, size);
        return true;
    }
    if ((modes & MODE_JUNK_FREE) != 0) {
        memset(ptr, JUNK_FREED, size);
    }
    return false;
}

/* Straight to the arena, whatever the object's class; any address that is not a live allocation is misuse. */
static void
free_uncached(thread_t *thread, void *ptr) {
    const extent_t *e = arena_extent_of(ptr, "free");
    size_t size = sc.size[e->szind];
    if (LIKELY(e->slab || e->sample == NULL)) {
        count_event(thread);
    }
    arena_free(ptr);
    dispatch_count_direct(thread, 0, size);
}

/* An event is counted only if the stack is full: the push of an exact thread or an explicit tcache is a hit. */
static void
free_cached(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr) {
    if (!cache_bin_push(&cache->bins[szind + 1], ptr)) {
        count_event(thread);
        tcache_free_slow(cache, szind, ptr);
    }
    if (cache != &thread->cache) {
        byte_counters_add_direct(&thread->bytes, 0, sc.size[szind]);
    }
    note_bytes(thread, 0, sc.size[szind]);
}

void
dispatch_free(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr) {
    witness_no_core_lock();
    refresh_if_stale(thread);
    if (modes_apply() && freed_in_modes(thread, ptr)) {
        return;
    }
    if (cache != NULL && szind < cache->ncached) {
        free_cached(thread, cache, szind, ptr);
    } else {
        free_uncached(thread, ptr);
    }
}

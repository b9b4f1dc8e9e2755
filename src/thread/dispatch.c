/* dispatch.c -- from caches and arenas to callers, and back. */
#include "thread/dispatch.h"

#include "arena/sample.h"
#include "base/check.h"
#include "base/witness.h"
#include "thread/refresh.h"
#include "thread/modes.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"

#include <string.h>

static void *
take_direct(thread_t *thread, arena_t *arena, bool named, uint32_t szind, size_t alignment, bool *zeroed) {
    void *ptr = sample_now(szind) ? arena_malloc_sampled(arena, szind, alignment, zeroed) : NULL;
    if (ptr == NULL && !sc_is_small(szind)) {
        return named ? arena_malloc_large_in(arena, szind, alignment, zeroed)
                     : arena_malloc_large(arena, szind, alignment, zeroed);
    }
    *zeroed = *zeroed && ptr != NULL;
    return ptr != NULL ? ptr : arena_malloc_small(arena, szind, thread->bin_shard);
}

/* Without a cache. */
static void *
alloc_direct(thread_t *thread, arena_t *wanted, uint32_t szind, size_t alignment, bool *zeroed) {
    thread_refresh(thread);
    thread_event(thread);
    arena_t *arena = thread_source(thread, wanted, szind);
    if (UNLIKELY(arena == NULL)) {
        return NULL;
    }
    void *ptr = take_direct(thread, arena, wanted != NULL || thread->chose, szind, alignment, zeroed);
    if (ptr != NULL) {
        arena_count_requests(arena, szind, 1);
    }
    return ptr;
}

static void *
alloc_cached(thread_t *thread, source_t source, uint32_t szind) {
    void *ptr;
    bool looked = source.cache == &thread->cache && sc.size[szind] <= SC_LOOKUP_MAX;
    if (!looked) {
        tcache_redraw(source.cache);
        if (cache_bin_pop(&source.cache->bins[szind + 1], &ptr)) {
            return ptr;
        }
    }
    return tcache_alloc_slow(thread, source.cache, source.arena, szind);
}

static void *
alloc_once(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    bool cached = source.cache != NULL && szind < source.cache->ncached && alignment <= sc.page;
    bool own = cached && source.cache == &thread->cache;
    void *ptr =
        cached ? alloc_cached(thread, source, szind) : alloc_direct(thread, source.arena, szind, alignment, zeroed);
    *zeroed = *zeroed && !cached;
    if (!own && ptr != NULL) {
        byte_counters_add_direct(&thread->bytes, sc.size[szind], 0);
    }
    return ptr;
}

/* Making room for a second try asks hooks: not inside of one. */
static COLD void *
try_again(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    if (!hooks_running()) {
        arenas_release_unused();
        quarantine_flush(thread);
    }
    void *ptr = alloc_once(thread, source, szind, alignment, zeroed);
    if (thread->bytes.watched) {
        byte_counters_update_watched(thread);
    }
    return ptr;
}

void *
dispatch_alloc(thread_t *thread, source_t source, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    void *ptr = alloc_once(thread, source, szind, alignment, zeroed);
    if (LIKELY(ptr != NULL)) {
        byte_counters_note(thread, sc.size[szind], 0);
    } else {
        ptr = try_again(thread, source, szind, alignment, zeroed);
    }
    if (LIKELY(ptr != NULL)) {
        modes_allocated(ptr, sc.size[szind], zeroed);
    }
    return ptr;
}

/* ---- frees ---- */

/* What is done to an object's contents, once it is known to be one. True: it waits in quarantine, and that was all. */
static COLD bool
freed_in_modes(thread_t *thread, uint64_t modes, void *ptr) {
    const extent_t *e = arena_extent_of(ptr, "free");
    arena_expect_live(e, ptr);
    size_t size = sc.size[e->szind];
    if (quarantine_enter(thread, e, ptr)) {
        thread_event(thread);
        byte_counters_add_direct(&thread->bytes, 0, size);
        byte_counters_note(thread, 0, size);
        return true;
    }
    if ((modes & MODE_JUNK_FREE) != 0) {
        memset(ptr, JUNK_FREED, size);
    }
    return false;
}

static void
free_direct(thread_t *thread, void *ptr) {
    thread_event(thread);
    const extent_t *e = arena_extent_of(ptr, "free");
    size_t size = sc.size[e->szind];
    arena_free(ptr);
    byte_counters_add_direct(&thread->bytes, 0, size);
    byte_counters_note(thread, 0, size);
}

static void
free_cached(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr) {
    if (!cache_bin_push(&cache->bins[szind + 1], ptr)) {
        tcache_free_slow(thread, cache, szind, ptr);
    }
    if (cache != &thread->cache) {
        byte_counters_add_direct(&thread->bytes, 0, sc.size[szind]);
    }
    byte_counters_note(thread, 0, sc.size[szind]);
}

void
dispatch_free(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr) {
    witness_no_core_lock();
    thread_refresh(thread);
    uint64_t modes = modes_on(MODES_OF_FREE);
    if (UNLIKELY(modes != 0) && freed_in_modes(thread, modes, ptr)) {
        return;
    }
    if (cache != NULL && szind < cache->ncached) {
        free_cached(thread, cache, szind, ptr);
    } else {
        free_direct(thread, ptr);
    }
}

static void
note_resized(thread_t *thread, const extent_t *e, size_t old, size_t size) {
    bool zeroed = false;
    byte_counters_add_direct(&thread->bytes, size, old);
    byte_counters_note(thread, size, old);
    if (size > old) {
        modes_allocated((char *)e->addr + old, size - old, &zeroed);
    }
}

bool
dispatch_resize(thread_t *thread, extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    size_t old = sc.size[e->szind], size = sc.size[szind];
    if (size < old && modes_on(MODES_OF_FREE) != 0) {
        return false;
    }
    bool done = arena_resize_large(e, szind);
    if (done) {
        note_resized(thread, e, old, size);
    }
    return done;
}

void *
dispatch_relocate(thread_t *thread, extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    size_t old = sc.size[e->szind];
    const extent_t *to = modes_on(MODES_OF_FREE) != 0 ? NULL : arena_relocate_large(e, szind);
    if (to == NULL) {
        return NULL;
    }
    note_resized(thread, to, old, sc.size[szind]);
    return (void *)to->addr;
}

extent_t *
dispatch_extent(const void *ptr, const char *what) {
    extent_t *e = arena_extent_of(ptr, what);
    if (UNLIKELY(!e->slab && (uintptr_t)ptr != e->addr)) {
        misuse("use of an address inside an allocation", ptr, "");
    }
    return e;
}

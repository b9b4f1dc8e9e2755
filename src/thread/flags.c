/* flags.c -- extended requests. */
#include "thread/flags.h"

#include "arena/sample.h"
#include "base/witness.h"
#include "thread/tcaches.h"
#include "thread/refresh.h"
#include "thread/modes.h"

#include <string.h>

/* Most blocks of a batch that are taken at once: how long a bin's lock is held. */
#define RUN 1024

/* The numbers that stand in flags; 0 for none. */
static uint32_t
named_arena(int flags) {
    return (uint32_t)flags >> 20;
}

static uint32_t
named_cache(int flags) {
    return (uint32_t)(flags & FLAGS_CACHE) >> 8;
}

cache_t *
flags_cache(thread_t *thread, int flags) {
    uint32_t named = named_cache(flags);
    return named == 0 ? &thread->cache : named == 1 ? NULL : tcaches_get(named - 2);
}

/* False if a cache or an arena is named that is not there. */
static bool
source_of(thread_t *thread, int flags, source_t *out) {
    uint32_t arena = named_arena(flags), cache = named_cache(flags);
    out->arena = arena == 0 ? NULL : arenas_want(arena - 1);
    out->cache = arena != 0 && cache == 0 ? NULL : flags_cache(thread, flags);
    return (arena == 0 || out->arena != NULL) && (cache <= 1 || out->cache != NULL);
}

bool
flags_request(thread_t *thread, size_t size, int flags, request_t *out) {
    out->alignment = flags_alignment(flags);
    out->szind = sc_index_aligned(size, out->alignment, &out->place);
    out->zero = (flags & FLAGS_ZERO) != 0;
    return out->szind != SC_NONE && source_of(thread, flags, &out->source);
}

void *
flags_alloc(thread_t *thread, const request_t *request) {
    witness_no_core_lock();
    bool zeroed = request->zero;
    void *ptr = dispatch_alloc(thread, request->source, request->szind, request->place, &zeroed);
    if (ptr != NULL && request->zero && !zeroed) {
        memset(ptr, 0, sc.size[request->szind]);
    }
    return ptr;
}

static void
fill(void *ptr, size_t size, bool zero) {
    bool zeroed = false;
    modes_allocated(ptr, size, &zeroed);
    if (zero && !zeroed) {
        memset(ptr, 0, size);
    }
}

/* Up to n of a small class, from slabs. */
static size_t
take_run(thread_t *thread, const request_t *request, void **ptrs, size_t n) {
    arena_t *arena = thread_source(thread, request->source.arena, request->szind);
    bool due, zeroed = false;
    uint32_t want = sample_countdown(request->szind, n < RUN ? (uint32_t)n : RUN, &due);
    size_t size = sc.size[request->szind];
    uint32_t got = arena == NULL ? 0 : arena_fill(arena, request->szind, thread->bin_shard, want - due, ptrs);
    if (UNLIKELY(due) && got == want - 1) {
        ptrs[got] = arena_malloc_sampled(arena, request->szind, sc.page, &zeroed);
        got += ptrs[got] != NULL;
    }
    for (uint32_t i = 0; i < got; i++) {
        fill(ptrs[i], size, request->zero);
    }
    if (got > 0) {
        arena_count_requests(arena, request->szind, got);
    }
    byte_counters_add_direct(&thread->bytes, got * size, 0);
    byte_counters_note(thread, got * size, 0);
    thread_refresh(thread);
    thread_event(thread);
    return got;
}

/* A single allocation tries harder for memory than a run does. */
size_t
flags_alloc_batch(thread_t *thread, void **ptrs, size_t n, size_t size, int flags) {
    witness_no_core_lock();
    request_t request;
    size_t filled = 0;
    if (!flags_request(thread, size, flags, &request)) {
        return 0;
    }
    request.source.cache = NULL;
    while (filled < n) {
        size_t got = sc_is_small(request.szind) ? take_run(thread, &request, ptrs + filled, n - filled) : 0;
        if (got == 0) {
            ptrs[filled] = flags_alloc(thread, &request);
            got = ptrs[filled] != NULL;
        }
        if (got == 0) {
            break;
        }
        filled += got;
    }
    return filled;
}

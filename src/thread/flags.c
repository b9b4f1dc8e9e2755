/* flags.c -- extended requests. */
#include "thread/flags.h"

#include "arena/sample.h"
#include "base/witness.h"
#include "thread/modes.h"
#include "thread/tcaches.h"

#include <string.h>

/* Most blocks of a batch that one acquisition of a bin's lock takes: it bounds how long others wait. */
#define RUN_MAX 1024

/* The numbers in flags; 0 for none. */
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

/* False if no cache or arena has the number in the flags. */
static bool
flags_source(thread_t *thread, int flags, source_t *out) {
    uint32_t arena = named_arena(flags), cache = named_cache(flags);
    out->arena = arena == 0 ? NULL : arenas_want(arena - 1);
    out->cache = arena != 0 && cache == 0 ? NULL : flags_cache(thread, flags);
    return (arena == 0 || out->arena != NULL) && (cache <= 1 || out->cache != NULL);
}

bool
flags_request(thread_t *thread, size_t size, int flags, request_t *out) {
    out->alignment = flags_alignment(flags);
    out->szind = sc_index_aligned(size, out->alignment, &out->placement);
    out->zero = (flags & FLAGS_ZERO) != 0;
    return out->szind != SC_NONE && flags_source(thread, flags, &out->source);
}

void *
flags_alloc(thread_t *thread, const request_t *request) {
    witness_no_core_lock();
    bool zeroed = request->zero;
    void *ptr = dispatch_alloc(thread, request->source, request->szind, request->placement, &zeroed);
    if (ptr != NULL && request->zero && !zeroed) {
        memset(ptr, 0, sc.size[request->szind]);
    }
    return ptr;
}

/* ---- batches ---- */

/* As dispatch_alloc does it for a single block. */
static void
fill_block(void *ptr, size_t size, bool zero) {
    bool zeroed = false;
    if (modes_on(MODES_OF_ALLOC) != 0) {
        dispatch_fill(ptr, size, &zeroed);
    }
    if (zero && !zeroed) {
        memset(ptr, 0, size);
    }
}

/* Takes up to n blocks of a small class from slabs; one of them may be a sample. Returns how many. */
static uint32_t
take_blocks(arena_t *arena, uint32_t bin_shard, uint32_t szind, void **ptrs, size_t n) {
    bool due, zeroed = false;
    uint32_t want = sample_countdown(szind, n < RUN_MAX ? (uint32_t)n : RUN_MAX, &due);
    uint32_t got = arena_fill(arena, szind, bin_shard, want - due, ptrs);
    if (UNLIKELY(due) && got == want - 1) {
        ptrs[got] = arena_malloc_sampled(arena, szind, sc.page, &zeroed);
        got += ptrs[got] != NULL;
    }
    return got;
}

/* Up to n blocks of a small class, with what each slow path does beside them. Returns how many. */
static size_t
alloc_run(thread_t *thread, const request_t *request, void **ptrs, size_t n) {
    arena_t *arena = dispatch_arena(thread, request->source.arena, request->szind);
    size_t size = sc.size[request->szind];
    uint32_t got = arena == NULL ? 0 : take_blocks(arena, thread->bin_shard, request->szind, ptrs, n);
    for (uint32_t i = 0; i < got; i++) {
        fill_block(ptrs[i], size, request->zero);
    }
    if (got > 0) {
        arena_count_requests(arena, request->szind, got);
    }
    dispatch_count_direct(thread, got * size, 0);
    dispatch_housekeep(thread);
    return got;
}

/* Where a run brings nothing, a single allocation tries harder for memory. */
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
        size_t got = sc_is_small(request.szind) ? alloc_run(thread, &request, ptrs + filled, n - filled) : 0;
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

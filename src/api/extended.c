/*
 * extended.c -- jemalloc's extended interface: allocation with flags, resizing in place, real sizes, batches.
 *
 * Where flags name neither a cache nor an arena, the fast paths serve; all else is made out first (thread/flags.h).
 */
#include "api/early.h"
#include "api/entry.h"
#include "api/free.h"
#include "base/witness.h"
#include "lunalloc.h"
#include "thread/flags.h"

#include <string.h>

#define PLAIN (FLAGS_LG_ALIGN | FLAGS_ZERO)

void *
mallocx_slow(size_t size, int flags) {
    request_t request;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, flags_alignment(flags));
    }
    return flags_request(thread, size, flags, &request) ? flags_alloc(thread, &request) : NULL;
}

void *
lunalloc_mallocx(size_t size, int flags) {
    witness_no_core_lock();
    void *ptr;
    size_t rounded = flags == 0 ? size : fast_rounded(size, flags_alignment(flags));
    if (LIKELY((flags & ~PLAIN) == 0) && LIKELY(fast_malloc(rounded, &ptr))) {
        return UNLIKELY((flags & FLAGS_ZERO) != 0) ? memset(ptr, 0, sc_round(rounded)) : ptr;
    }
    return mallocx_slow(size, flags);
}

/* What a cache that was named takes, that is, whatever is no sample; SC_NONE. */
static uint32_t
class_for_any(const void *ptr) {
    const extent_t *e = dispatch_extent(ptr, "free");
    return e->slab || e->sample == NULL ? e->szind : SC_NONE;
}

/* Into the thread's own cache only what the page map lets in; into another one whatever it is asked to take. */
static void
free_into(thread_t *thread, cache_t *cache, void *ptr) {
    uint32_t szind = cache == &thread->cache ? pagemap_class(ptr) - 1 : class_for_any(ptr);
    dispatch_free(thread, cache, szind, ptr);
}

static bool
is_aligned(const void *ptr, size_t alignment) {
    return ((uintptr_t)ptr & (alignment - 1)) == 0;
}

/* What a block has gained. */
static void
zero_tail(void *ptr, size_t from, size_t to) {
    if (from < to) {
        memset((char *)ptr + from, 0, to - from);
    }
}

static void *
move(thread_t *thread, const request_t *request, void *ptr, size_t old_size) {
    bool zeroed = false;
    size_t size = sc.size[request->szind];
    void *to = dispatch_alloc(thread, request->source, request->szind, request->place, &zeroed);
    if (to == NULL) {
        return NULL;
    }
    memcpy(to, ptr, old_size < size ? old_size : size);
    if (request->zero && !zeroed) {
        zero_tail(to, old_size, size);
    }
    free_into(thread, request->source.cache, ptr);
    return to;
}

/* Without copying: in place, or where its memory can be moved to. NULL: nothing changed. */
static void *
resize_large(thread_t *thread, extent_t *e, const request_t *request) {
    void *ptr = (void *)e->addr;
    if (e->slab || sc_is_small(request->szind)) {
        return NULL;
    }
    if (is_aligned(ptr, request->alignment) && dispatch_resize(thread, e, request->szind)) {
        return ptr;
    }
    bool anywhere = request->alignment <= sc.page && request->source.arena == NULL;
    return anywhere ? dispatch_relocate(thread, e, request->szind) : NULL;
}

void *
rallocx_slow(void *ptr, size_t size, int flags) {
    request_t request;
    thread_t *thread = slow_self();
    extent_t *e = dispatch_extent(ptr, "rallocx");
    if (!flags_request(thread, size, flags, &request)) {
        return NULL;
    }
    size_t old_size = sc.size[e->szind];
    if (is_aligned(ptr, request.alignment) && request.szind == e->szind) {
        return ptr;
    }
    void *to = resize_large(thread, e, &request);
    if (to == NULL) {
        return move(thread, &request, ptr, old_size);
    }
    if (request.zero) {
        zero_tail(to, old_size, sc.size[request.szind]);
    }
    return to;
}

void *
lunalloc_rallocx(void *ptr, size_t size, int flags) {
    witness_no_core_lock();
    size = size == 0 ? 1 : size;
    return ptr == NULL ? mallocx_slow(size, flags) : rallocx_slow(ptr, size, flags);
}

static void
resize_between(thread_t *thread, extent_t *e, uint32_t least, uint32_t most) {
    bool done = e->szind == most || dispatch_resize(thread, e, most);
    if (!done && e->szind < least) {
        dispatch_resize(thread, e, least);
    }
}

/* Large allocations only: a region of a slab has the size that it has. */
static void
resize_in_place(thread_t *thread, extent_t *e, size_t size, size_t extra) {
    size_t most = extra < SC_LARGE_MAX - size ? size + extra : SC_LARGE_MAX;
    uint32_t least_class = sc_index(size > sc.small_max ? size : sc.small_max + 1);
    uint32_t most_class = sc_index(most);
    if (!e->slab && !sc_is_small(most_class)) {
        resize_between(thread, e, least_class, most_class);
    }
}

size_t
lunalloc_xallocx(void *ptr, size_t size, size_t extra, int flags) {
    witness_no_core_lock();
    thread_t *thread = slow_self();
    extent_t *e = dispatch_extent(ptr, "xallocx");
    size_t old_size = sc.size[e->szind];
    if (size <= SC_LARGE_MAX && is_aligned(ptr, flags_alignment(flags))) {
        resize_in_place(thread, e, size, extra);
    }
    if ((flags & FLAGS_ZERO) != 0) {
        zero_tail(ptr, old_size, sc.size[e->szind]);
    }
    return sc.size[e->szind];
}

size_t
lunalloc_sallocx(const void *ptr, int flags) {
    witness_no_core_lock();
    (void)flags;
    return ptr == NULL ? 0 : slow_usable_size(ptr);
}

static NOINLINE void
dallocx_slow(void *ptr, int flags) {
    thread_t *thread = slow_self();
    if (ptr != NULL) {
        free_into(thread, flags_cache(thread, flags), ptr);
    }
}

void
lunalloc_dallocx(void *ptr, int flags) {
    witness_no_core_lock();
    if (LIKELY((flags & FLAGS_CACHE) == 0)) {
        free_block(ptr);
    } else {
        dallocx_slow(ptr, flags);
    }
}

void
lunalloc_sdallocx(void *ptr, size_t size, int flags) {
    witness_no_core_lock();
    if (LIKELY((flags & FLAGS_CACHE) == 0)) {
        free_block_of(ptr, size, flags_alignment(flags));
    } else {
        dallocx_slow(ptr, flags);
    }
}

size_t
lunalloc_nallocx(size_t size, int flags) {
    witness_no_core_lock();
    size_t place;
    slow_self();
    uint32_t szind = sc_index_aligned(size, flags_alignment(flags), &place);
    return szind == SC_NONE ? 0 : sc.size[szind];
}

size_t
lunalloc_batch_alloc(void **ptrs, size_t n, size_t size, int flags) {
    witness_no_core_lock();
    return flags_alloc_batch(slow_self(), ptrs, n, size, flags);
}

#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

void *mallocx(size_t size, int flags) REPLACES(mallocx);
void *rallocx(void *ptr, size_t size, int flags) REPLACES(rallocx);
size_t xallocx(void *ptr, size_t size, size_t extra, int flags) REPLACES(xallocx);
size_t sallocx(const void *ptr, int flags) REPLACES(sallocx);
void dallocx(void *ptr, int flags) REPLACES(dallocx);
void sdallocx(void *ptr, size_t size, int flags) REPLACES(sdallocx);
size_t nallocx(size_t size, int flags) REPLACES(nallocx);

/*
 * extended.c -- jemalloc's extended interface: allocation with flags, resizing in place, usable sizes, batches.
 *
 * Calls whose flags name neither a cache nor an arena try the fast paths; the others are translated into requests first
 * (thread/flags.h).
 */
#include "api/entry.h"
#include "api/fast.h"
#include "api/init.h"
#include "api/seen.h"
#include "base/witness.h"
#include "lunalloc.h"
#include "thread/flags.h"

#include <string.h>

/* Flags that the fast paths can serve. */
#define FAST_FLAGS (FLAGS_LG_ALIGN | FLAGS_ZERO)

/* How a recording calls such an allocation. */
static record_kind_t
kind_of(int flags) {
    return (flags & FLAGS_ZERO) != 0 ? RECORD_CALLOC : (flags & FLAGS_LG_ALIGN) != 0 ? RECORD_ALIGNED : RECORD_MALLOC;
}

static uint32_t
lg_align_of(int flags) {
    return (uint32_t)flags & FLAGS_LG_ALIGN;
}

void *
mallocx_slow(size_t size, int flags) {
    request_t request;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, flags_alignment(flags));
    }
    void *ptr = flags_request(thread, size, flags, &request) ? flags_alloc(thread, &request) : NULL;
    if (seen_is(thread)) {
        seen_note_alloc(thread, kind_of(flags), ptr, size, lg_align_of(flags));
    }
    return ptr;
}

void *
lunalloc_mallocx(size_t size, int flags) {
    witness_no_core_lock();
    void *ptr;
    size_t rounded = flags == 0 ? size : fast_rounded(size, flags_alignment(flags));
    if (LIKELY((flags & ~FAST_FLAGS) == 0) && LIKELY(fast_malloc(rounded, &ptr))) {
        return UNLIKELY((flags & FLAGS_ZERO) != 0) ? memset(ptr, 0, sc_round(rounded)) : ptr;
    }
    return mallocx_slow(size, flags);
}

void *
rallocx_slow(void *ptr, size_t size, int flags) {
    request_t request;
    thread_t *thread = slow_self();
    if (UNLIKELY(early_has(ptr))) {
        return early_copy(mallocx_slow(size, flags), ptr, size);
    }
    extent_t *e = resize_extent(ptr, "rallocx");
    if (!flags_request(thread, size, flags, &request)) {
        return NULL;
    }
    return seen_is(thread) ? seen_resize(thread, e, ptr, size, lg_align_of(flags), &request)
                           : resize_block(thread, e, ptr, &request);
}

void *
lunalloc_rallocx(void *ptr, size_t size, int flags) {
    witness_no_core_lock();
    size = size == 0 ? 1 : size;
    return ptr == NULL ? mallocx_slow(size, flags) : rallocx_slow(ptr, size, flags);
}

/* Tries the largest class first, then the least one. */
static void
resize_between(thread_t *thread, extent_t *e, uint32_t least, uint32_t most) {
    bool done = e->szind == most || resize_in_place(thread, e, most);
    if (!done && e->szind < least) {
        resize_in_place(thread, e, least);
    }
}

/* Large allocations only: a region of a slab has its slab's size. */
static void
resize_within(thread_t *thread, extent_t *e, size_t size, size_t extra) {
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
    if (UNLIKELY(early_has(ptr))) {
        return early_size(ptr);
    }
    extent_t *e = resize_extent(ptr, "xallocx");
    size_t old_size = sc.size[e->szind];
    if (size <= SC_LARGE_MAX && ((uintptr_t)ptr & (flags_alignment(flags) - 1)) == 0) {
        resize_within(thread, e, size, extra);
    }
    size_t new_size = sc.size[e->szind];
    if ((flags & FLAGS_ZERO) != 0 && new_size > old_size) {
        memset((char *)ptr + old_size, 0, new_size - old_size);
    }
    if (seen_is(thread) && new_size != old_size) {
        seen_note_resized(thread, ptr, new_size, lg_align_of(flags));
    }
    return new_size;
}

size_t
lunalloc_sallocx(const void *ptr, int flags) {
    witness_no_core_lock();
    (void)flags;
    return ptr == NULL ? 0 : slow_usable_size(ptr);
}

/* kind: RECORD_FREE, or RECORD_FREE_SIZED by this size. */
static NOINLINE void
dallocx_slow(void *ptr, int flags, record_kind_t kind, size_t size) {
    thread_t *thread = slow_self();
    if (UNLIKELY(early_has(ptr))) {
        slow_free(ptr);
    } else if (ptr != NULL) {
        if (seen_is(thread)) {
            seen_note_free(thread, kind, ptr, size, kind == RECORD_FREE ? 0 : lg_align_of(flags));
        }
        resize_free(thread, flags_cache(thread, flags), ptr);
    }
}

void
lunalloc_dallocx(void *ptr, int flags) {
    witness_no_core_lock();
    if (LIKELY((flags & FLAGS_CACHE) == 0)) {
        free_block(ptr);
    } else {
        dallocx_slow(ptr, flags, RECORD_FREE, 0);
    }
}

void
lunalloc_sdallocx(void *ptr, size_t size, int flags) {
    witness_no_core_lock();
    if (LIKELY((flags & FLAGS_CACHE) == 0)) {
        free_block_sized(ptr, size, flags_alignment(flags));
    } else {
        dallocx_slow(ptr, flags, RECORD_FREE_SIZED, size);
    }
}

size_t
lunalloc_nallocx(size_t size, int flags) {
    witness_no_core_lock();
    size_t placement;
    slow_self();
    uint32_t szind = sc_index_aligned(size, flags_alignment(flags), &placement);
    return szind == SC_NONE ? 0 : sc.size[szind];
}

size_t
lunalloc_batch_alloc(void **ptrs, size_t n, size_t size, int flags) {
    witness_no_core_lock();
    thread_t *thread = slow_self();
    size_t filled = LIKELY(thread != NULL) ? flags_alloc_batch(thread, ptrs, n, size, flags) : 0;
    for (size_t i = 0; i < filled && seen_is(thread); i++) {
        seen_note_alloc(thread, kind_of(flags), ptrs[i], size, lg_align_of(flags));
    }
    return filled;
}

#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

void *mallocx(size_t size, int flags) REPLACES(mallocx);
void *rallocx(void *ptr, size_t size, int flags) REPLACES(rallocx);
size_t xallocx(void *ptr, size_t size, size_t extra, int flags) REPLACES(xallocx);
size_t sallocx(const void *ptr, int flags) REPLACES(sallocx);
void dallocx(void *ptr, int flags) REPLACES(dallocx);
void sdallocx(void *ptr, size_t size, int flags) REPLACES(sdallocx);
size_t nallocx(size_t size, int flags) REPLACES(nallocx);

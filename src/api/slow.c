/* slow.c -- allocations, resizing and frees that miss the fast path. */
#include "api/slow.h"

#include "api/fast.h"
#include "api/init.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "thread/resize.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <string.h>

thread_t *
slow_self(void) {
    witness_no_core_lock();
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    if (LIKELY(thread != NULL)) {
        return thread;
    }
    return init_boot() ? thread_get() : NULL;
}

static COLD void *
out_of_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* ---- hits of an exact thread (thread/byte_counters.h): the fast paths on its own cache, and its byte counters ---- */

static inline cache_bin_t *
own_bin(thread_t *thread, size_t bin_offset) {
    return (cache_bin_t *)(void *)((char *)thread + bin_offset);
}

static inline size_t
size_of_bin(size_t bin_offset) {
    return sc.size[(bin_offset >> LG_CACHE_BIN) - 1];
}

static inline bool
exact_malloc(thread_t *thread, size_t size, void **ptr) {
    if (LIKELY(thread->front == NULL) || size > SC_LOOKUP_MAX) {
        return false;
    }
    size_t bin_offset = sc_bin_offset(size);
    bool hit = cache_bin_pop(own_bin(thread, bin_offset), ptr);
    if (LIKELY(hit)) {
        byte_counters_note(thread, size_of_bin(bin_offset), 0);
    }
    return hit;
}

static inline bool
exact_free(thread_t *thread, uint32_t class, void *ptr) {
    size_t bin_offset = (size_t) class << LG_CACHE_BIN;
    if (LIKELY(thread->front == NULL) || class == 0 || !cache_bin_push(own_bin(thread, bin_offset), ptr)) {
        return false;
    }
    byte_counters_note(thread, 0, size_of_bin(bin_offset));
    return true;
}

/* ---- allocations ---- */

/* Allocates from the thread's own cache and arena. `placement`: the alignment beyond the class's (sc_index_aligned). */
static void *
alloc_class(thread_t *thread, uint32_t szind, size_t placement, bool *zeroed) {
    void *ptr = dispatch_alloc(thread, (source_t){.cache = &thread->cache}, szind, placement, zeroed);
    return UNLIKELY(ptr == NULL) ? out_of_memory() : ptr;
}

/* *zeroed as for dispatch_alloc. */
static inline void *
alloc_size(size_t size, bool *zeroed) {
    void *ptr;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, 1);
    }
    if (exact_malloc(thread, size, &ptr)) {
        *zeroed = false;
        return ptr;
    }
    return size > SC_LARGE_MAX ? out_of_memory() : alloc_class(thread, sc_index(size), 1, zeroed);
}

void *
slow_malloc(size_t size) {
    bool zeroed = false;
    return alloc_size(size, &zeroed);
}

void *
slow_calloc(size_t size) {
    bool zeroed = true;
    void *ptr = alloc_size(size, &zeroed);
    return ptr != NULL && !zeroed ? memset(ptr, 0, size) : ptr;
}

/* Aligned requests have no fast path of their own: a class that is aligned enough is tried here first. */
void *
slow_aligned(size_t alignment, size_t size) {
    bool zeroed = false;
    size_t placement;
    void *ptr;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, alignment);
    }
    uint32_t szind = sc_index_aligned(size, alignment, &placement);
    if (szind == SC_NONE) {
        return out_of_memory();
    }
    bool hit = placement == 1 && (fast_malloc(sc.size[szind], &ptr) || exact_malloc(thread, sc.size[szind], &ptr));
    return hit ? ptr : alloc_class(thread, szind, placement, &zeroed);
}

/* The page map has the class of each object that may enter a thread's cache, and 0 of others. */
size_t
slow_usable_size(const void *ptr) {
    witness_no_core_lock();
    uint32_t class = pagemap_class(ptr);
    if (UNLIKELY(class == 0) && early_has(ptr)) {
        return early_size(ptr);
    }
    return sc.size[class != 0 ? class - 1 : resize_extent(ptr, "usable size")->szind];
}

/* ---- resizing ---- */

/* realloc(ptr, 0), as opt.zero_realloc says. True if the block was freed: the call is complete then. */
static COLD bool
zero_realloc(void *ptr) {
    resize_count_zero_realloc();
    switch (options.zero_realloc) {
    case zero_realloc_alloc:
        return false;
    case zero_realloc_abort:
        misuse("realloc to size 0, with zero_realloc:abort", ptr, "");
    default:
        slow_free(ptr);
        return true;
    }
}

void *
slow_realloc(void *ptr, size_t size) {
    thread_t *thread = slow_self();
    if (UNLIKELY(size == 0)) {
        if (zero_realloc(ptr)) {
            return NULL;
        }
        size = 1;
    }
    if (UNLIKELY(early_has(ptr))) {
        return early_copy(slow_malloc(size), ptr, size);
    }
    if (size > SC_LARGE_MAX) {
        return out_of_memory();
    }
    request_t request = {.szind = sc_index(size), .alignment = 1, .placement = 1, .source = {.cache = &thread->cache}};
    void *to = resize_block(thread, resize_extent(ptr, "realloc"), ptr, &request);
    return UNLIKELY(to == NULL) ? out_of_memory() : to;
}

/* ---- frees ---- */

/* An address beyond LG_VADDR bits is misuse, which dispatch_free reports; the page map would be read out of bounds. */
void
slow_free(void *ptr) {
    witness_no_core_lock();
    if (ptr == NULL) {
        return;
    }
    thread_t *thread = slow_self();
    uint32_t class = (uintptr_t)ptr >> LG_VADDR == 0 ? pagemap_class(ptr) : 0;
    if (UNLIKELY(class == 0) && early_has(ptr)) {
        if (thread == NULL) {
            early_free(ptr);
        }
        return;
    }
    if (exact_free(thread, class, ptr)) {
        return;
    }
    dispatch_free(thread, &thread->cache, class != 0 ? class - 1 : SC_NONE, ptr);
}

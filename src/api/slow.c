/* slow.c -- what the fast paths hand over: birth of threads, refills, large sizes, alignment, resizing, misuse. */
#include "api/slow.h"

#include "api/early.h"
#include "api/fast.h"
#include "api/init.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "thread/dispatch.h"

#include <errno.h>
#include <string.h>

thread_t *
slow_self(void) {
    witness_no_core_lock();
    bool booted = LIKELY(thread_self != &thread_uninitialised) || init_boot();
    return LIKELY(booted) ? thread_get() : NULL;
}

static COLD void *
out_of_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* From the thread's own cache and arena. */
static void *
alloc(thread_t *thread, uint32_t szind, size_t alignment, bool *zeroed) {
    void *ptr = dispatch_alloc(thread, (source_t){.cache = &thread->cache}, szind, alignment, zeroed);
    return UNLIKELY(ptr == NULL) ? out_of_memory() : ptr;
}

/* ---- hits of a thread whose every call is seen: the fast paths on its own cache, and its meter ---- */

static inline cache_bin_t *
own_bin(thread_t *thread, size_t bin_offset) {
    return (cache_bin_t *)(void *)((char *)thread + bin_offset);
}

static inline size_t
size_of_bin(size_t bin_offset) {
    return sc.size[(bin_offset >> LG_CACHE_BIN) - 1];
}

static inline bool
seen_malloc(thread_t *thread, size_t size, void **ptr) {
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
seen_free(thread_t *thread, uint32_t class, void *ptr) {
    size_t bin_offset = (size_t) class << LG_CACHE_BIN;
    if (LIKELY(thread->front == NULL) || class == 0 || !cache_bin_push(own_bin(thread, bin_offset), ptr)) {
        return false;
    }
    byte_counters_note(thread, 0, size_of_bin(bin_offset));
    return true;
}

/* ---- */

void *
slow_malloc(size_t size) {
    bool zeroed = false;
    void *ptr;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, 1);
    }
    if (seen_malloc(thread, size, &ptr)) {
        return ptr;
    }
    return size > SC_LARGE_MAX ? out_of_memory() : alloc(thread, sc_index(size), 1, &zeroed);
}

void *
slow_calloc(size_t size) {
    bool zeroed = true;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, 1);
    }
    void *ptr;
    if (seen_malloc(thread, size, &ptr)) {
        return memset(ptr, 0, size);
    }
    ptr = size > SC_LARGE_MAX ? out_of_memory() : alloc(thread, sc_index(size), 1, &zeroed);
    if (ptr != NULL && !zeroed) {
        memset(ptr, 0, size);
    }
    return ptr;
}

void *
slow_aligned(size_t alignment, size_t size) {
    bool zeroed = false;
    size_t place;
    void *ptr;
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, alignment);
    }
    uint32_t szind = sc_index_aligned(size, alignment, &place);
    if (szind == SC_NONE) {
        return out_of_memory();
    }
    bool hit = place == 1 && (fast_malloc(sc.size[szind], &ptr) || seen_malloc(thread, sc.size[szind], &ptr));
    return hit ? ptr : alloc(thread, szind, place, &zeroed);
}

size_t
slow_usable_size(const void *ptr) {
    witness_no_core_lock();
    uint32_t class = pagemap_class(ptr);
    if (UNLIKELY(class == 0) && early_has(ptr)) {
        return early_size(ptr);
    }
    return sc.size[class != 0 ? class - 1 : dispatch_extent(ptr, "usable size")->szind];
}

static void *
move(void *ptr, size_t old_size, size_t size) {
    void *to = slow_malloc(size);
    if (to != NULL) {
        memcpy(to, ptr, old_size < size ? old_size : size);
        slow_free(ptr);
    }
    return to;
}

/* realloc(ptr, 0): true if that was all. */
static COLD bool
zero_realloc(void *ptr) {
    thread_count_zero_realloc();
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
        return move(ptr, early_size(ptr), size);
    }
    if (size > SC_LARGE_MAX) {
        return out_of_memory();
    }
    extent_t *e = dispatch_extent(ptr, "realloc");
    size_t old_size = sc.size[e->szind];
    uint32_t szind = sc_index(size);
    if (szind == e->szind) {
        return ptr;
    }
    bool large = !e->slab && !sc_is_small(szind);
    if (large && dispatch_resize(thread, e, szind)) {
        return ptr;
    }
    void *to = large ? dispatch_relocate(thread, e, szind) : NULL;
    return to != NULL ? to : move(ptr, old_size, size);
}

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
    if (seen_free(thread, class, ptr)) {
        return;
    }
    dispatch_free(thread, &thread->cache, class != 0 ? class - 1 : SC_NONE, ptr);
}

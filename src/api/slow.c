/* slow.c -- allocations, resizing and frees that miss the fast path. */
#include "api/slow.h"

#include "api/alloc_class.h"
#include "api/fast.h"
#include "api/init.h"
#include "api/seen.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "thread/resize.h"
#include "thread/thread_life.h"

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

/* ---- allocations ---- */

/* Of a thread that is not seen. *zeroed as for dispatch_alloc. */
static NOINLINE void *
alloc_size(thread_t *thread, size_t size, bool *zeroed) {
    return size > SC_LARGE_MAX ? alloc_fail() : alloc_class(thread, sc_index(size), 1, zeroed);
}

/* Apart, so that a seen thread's call needs no frame. */
void *
slow_malloc_unseen(thread_t *thread, size_t size) {
    witness_no_core_lock();
    bool zeroed = false;
    return alloc_size(thread, size, &zeroed);
}

/* Sizes beyond the table of the fast path that a thread's cache may hold. */
static inline bool
is_medium(size_t size) {
    return size > SC_LOOKUP_MAX && size <= sc.size[CACHE_BINS - 2];
}

/* Their class, as the page map has it. */
static inline uint32_t
medium_class(size_t size) {
    return sc_index_geometric(size) + 1;
}

/* A hit for these sizes. */
static inline bool
medium_hit(size_t size, void **ptr) {
    return is_medium(size) && cache_bin_pop(fast_bin((size_t)medium_class(size) << LG_CACHE_BIN), ptr);
}

/* `thread` is the caller's, and no stack of the fast path has an object. */
static inline void *
serve_malloc(thread_t *thread, size_t size) {
    return seen_is(thread) ? seen_slow_malloc(thread, size) : slow_malloc_unseen(thread, size);
}

/* Apart, so that a thread that has a state needs no frame. Without memory for a state the thread still has none. */
void *
slow_malloc_first(size_t size) {
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, 1);
    }
    return serve_malloc(thread, size);
}

void *
slow_malloc(size_t size) {
    void *ptr;
    witness_no_core_lock();
    if (medium_hit(size, &ptr)) {
        return ptr;
    }
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    if (UNLIKELY(thread == NULL)) {
        return slow_malloc_first(size);
    }
    return serve_malloc(thread, size);
}

void *
slow_calloc(size_t size) {
    bool zeroed = true;
    void *ptr;
    witness_no_core_lock();
    if (medium_hit(size, &ptr)) {
        return memset(ptr, 0, size);
    }
    thread_t *thread = slow_self();
    if (UNLIKELY(thread == NULL)) {
        return early_alloc(size, 1);
    }
    if (seen_is(thread)) {
        return seen_calloc(thread, size);
    }
    ptr = alloc_size(thread, size, &zeroed);
    return ptr != NULL && !zeroed ? memset(ptr, 0, size) : ptr;
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

/* Does a block of more than 4 KiB stay in its class? Not asked while each call has to be seen. */
static inline bool
stays(const void *ptr, size_t size) {
    return is_medium(size) && medium_class(size) == slow_class_of(ptr) && relaxed_read(&realloc_fast_max) != 0;
}

void *
slow_realloc(void *ptr, size_t size) {
    witness_no_core_lock();
    if (stays(ptr, size)) {
        return ptr;
    }
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
        return alloc_fail();
    }
    request_t request = {.szind = sc_index(size), .alignment = 1, .placement = 1, .source = {.cache = &thread->cache}};
    extent_t *e = resize_extent(ptr, "realloc");
    void *to =
        seen_is(thread) ? seen_resize(thread, e, ptr, size, 0, &request) : resize_block(thread, e, ptr, &request);
    return UNLIKELY(to == NULL) ? alloc_fail() : to;
}

/* ---- frees ---- */

/* True if it is an early block, which needs nothing more. */
static bool
free_early(const thread_t *thread, void *ptr) {
    bool early = early_has(ptr);
    if (early && thread == NULL) {
        early_free(ptr);
    }
    return early;
}

static inline void
serve_free(thread_t *thread, uint32_t class, void *ptr) {
    if (seen_is(thread)) {
        seen_free(thread, class, ptr);
    } else {
        dispatch_free(thread, &thread->cache, class != 0 ? class - 1 : SC_NONE, ptr);
    }
}

/* The thread has no state yet (NULL), or the page map has no class of the block (0). Apart, so that slow_free needs no
 * frame. */
static NOINLINE void
slow_free_odd(thread_t *thread, uint32_t class, void *ptr) {
    thread = thread != NULL ? thread : slow_self();
    if (class != 0 || !free_early(thread, ptr)) {
        serve_free(thread, class, ptr);
    }
}

void
slow_free(void *ptr) {
    witness_no_core_lock();
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    if (LIKELY(thread != NULL) && seen_is(thread)) {
        seen_slow_free(ptr, thread);
        return;
    }
    if (ptr == NULL) {
        return;
    }
    uint32_t class = slow_class_of(ptr);
    if (UNLIKELY(thread == NULL) || UNLIKELY(class == 0)) {
        slow_free_odd(thread, class, ptr);
    } else {
        dispatch_free(thread, &thread->cache, class - 1, ptr);
    }
}

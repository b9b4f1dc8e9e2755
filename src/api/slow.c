/* slow.c -- allocations and frees that miss the fast path. */
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

/* A hit for medium sizes. */
static inline bool
medium_hit(size_t size, void **ptr) {
    return slow_is_medium(size) && cache_bin_pop(fast_bin((size_t)slow_medium_class(size) << LG_CACHE_BIN), ptr);
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

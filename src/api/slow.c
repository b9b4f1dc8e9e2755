/* slow.c -- what the fast paths hand over: birth of threads, refills, large sizes, alignment, resizing, misuse. */
#include "api/slow.h"

#include "api/fast.h"
#include "api/init.h"
#include "base/check.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

/* The calling thread; boots the allocator if this is the first call of all. */
static thread_t *
self(void) {
    witness_no_core_lock();
    if (UNLIKELY(thread_self == &thread_unborn)) {
        init_boot();
    }
    return thread_get();
}

/* Without a cache. */
static void *
alloc_direct(thread_t *thread, uint32_t szind, size_t alignment, bool *zeroed) {
    thread_count_uncached(szind);
    thread_event(thread);
    *zeroed = false;
    arena_t *arena = thread_source(thread);
    if (UNLIKELY(arena == NULL)) {
        return NULL;
    }
    return sc_is_small(szind) ? arena_malloc_small(arena, szind) : arena_malloc_large(arena, szind, alignment, zeroed);
}

/* The fast path has looked into the bins of the sizes that it serves, and may have counted them down to 0. */
static void *
alloc_cached(thread_t *thread, uint32_t szind) {
    void *ptr;
    bool looked = sc.size[szind] <= SC_LOOKUP_MAX;
    return !looked && cache_bin_pop(&thread->bins[szind + 1], &ptr) ? ptr : tcache_alloc_slow(thread, szind);
}

static void *
alloc_once(thread_t *thread, uint32_t szind, size_t alignment, bool *zeroed) {
    if (szind < thread->ncached && alignment <= sc.page) {
        *zeroed = false;
        return alloc_cached(thread, szind);
    }
    return alloc_direct(thread, szind, alignment, zeroed);
}

static COLD void *
out_of_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* One class, an alignment that its place must have; tries again after giving back what the arenas do not use,
 * which asks hooks: not inside of one. */
static void *
alloc(uint32_t szind, size_t alignment, bool *zeroed) {
    thread_t *thread = self();
    void *ptr = alloc_once(thread, szind, alignment, zeroed);
    if (UNLIKELY(ptr == NULL)) {
        if (!hooks_running()) {
            arenas_release_unused();
        }
        ptr = alloc_once(thread, szind, alignment, zeroed);
    }
    return UNLIKELY(ptr == NULL) ? out_of_memory() : ptr;
}

void *
slow_malloc(size_t size) {
    bool zeroed;
    self();
    return size > SC_LARGE_MAX ? out_of_memory() : alloc(sc_index(size), 1, &zeroed);
}

void *
slow_calloc(size_t size) {
    bool zeroed;
    self();
    void *ptr = size > SC_LARGE_MAX ? out_of_memory() : alloc(sc_index(size), 1, &zeroed);
    if (ptr != NULL && !zeroed) {
        memset(ptr, 0, size);
    }
    return ptr;
}

/*
 * Up to a page: the class of size rounded up to the alignment, whose regions are then aligned, because the spacing of
 * the classes there is a multiple or a divisor of it and slabs start at pages. Beyond: a large class at that
 * alignment.
 */
void *
slow_aligned(size_t alignment, size_t size) {
    bool zeroed;
    self();
    if (size > SC_LARGE_MAX || alignment > SC_LARGE_MAX) {
        return out_of_memory();
    }
    size_t rounded = align_up(size == 0 ? 1 : size, alignment);
    if (alignment <= sc.page && rounded <= sc.small_max) {
        void *ptr;
        return fast_malloc(rounded, &ptr) ? ptr : alloc(sc_index(rounded), 1, &zeroed);
    }
    return alloc(sc_index(size > sc.small_max ? size : sc.small_max + 1), alignment, &zeroed);
}

static size_t
size_of_extent(const extent_t *e, const void *ptr) {
    if (!e->slab && (uintptr_t)ptr != e->addr) {
        misuse("use of an address inside an allocation", ptr, "");
    }
    return sc.size[e->szind];
}

size_t
slow_usable_size(const void *ptr) {
    witness_no_core_lock();
    uint32_t class = pagemap_class(ptr);
    return class != 0 ? sc.size[class - 1] : size_of_extent(arena_extent_of(ptr, "usable size"), ptr);
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

void *
slow_realloc(void *ptr, size_t size) {
    self();
    if (size == 0) {
        slow_free(ptr);
        return NULL;
    }
    if (size > SC_LARGE_MAX) {
        return out_of_memory();
    }
    extent_t *e = arena_extent_of(ptr, "realloc");
    size_t old_size = size_of_extent(e, ptr);
    uint32_t szind = sc_index(size);
    if (szind == e->szind) {
        return ptr;
    }
    if (!e->slab && !sc_is_small(szind) && arena_resize_large(e, szind)) {
        return ptr;
    }
    return move(ptr, old_size, size);
}

static void
free_direct(thread_t *thread, void *ptr) {
    thread_event(thread);
    if (arena_extent_of(ptr, "free")->slab) {
        arena_flush(&ptr, 1);
    } else {
        arena_free_large_ptr(ptr);
    }
}

void
slow_free(void *ptr) {
    witness_no_core_lock();
    if (ptr == NULL) {
        return;
    }
    thread_t *thread = self();
    uint32_t class = (uintptr_t)ptr >> LG_VADDR == 0 ? pagemap_class(ptr) : 0;
    if (class != 0 && class <= thread->ncached) {
        cache_bin_t *bin = &thread->bins[class];
        if (!cache_bin_push(bin, ptr)) {
            tcache_free_slow(thread, class - 1, ptr);
        }
    } else {
        free_direct(thread, ptr);
    }
}

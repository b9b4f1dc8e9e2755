/* resize.c -- in place, by remapping, or by a copy. */
#include "thread/resize.h"

#include "base/check.h"
#include "base/witness.h"
#include "thread/isolated.h"
#include "thread/modes.h"

#include <string.h>

/* Not static: another process finds it (control/layout.def). */
_Atomic uint64_t resize_zero_count; /* Synchronization: any thread adds. */

void
resize_count_zero_realloc(void) {
    atomic_add(&resize_zero_count, 1);
}

uint64_t
resize_zero_reallocs(void) {
    return atomic_get(&resize_zero_count);
}

extent_t *
resize_extent(const void *ptr, const char *what) {
    extent_t *e = arena_extent_of(ptr, what);
    if (UNLIKELY(!e->slab && (uintptr_t)ptr != e->addr)) {
        misuse("use of an address inside an allocation", ptr, "");
    }
    return e;
}

/* The class by which an explicit tcache takes an object; SC_NONE for a sample. */
static uint32_t
class_for_explicit_cache(const void *ptr) {
    const extent_t *e = resize_extent(ptr, "free");
    return e->slab || e->sample == NULL ? e->szind : SC_NONE;
}

void
resize_free(thread_t *thread, cache_t *cache, void *ptr) {
    witness_no_core_lock();
    bool own = cache == &thread->cache;
    uint32_t szind = own ? isolated_own_class(thread, pagemap_class(ptr), ptr) - 1 : class_for_explicit_cache(ptr);
    dispatch_free(thread, cache, szind, ptr);
}

static void
zero_bytes(void *ptr, size_t from, size_t to) {
    if (from < to) {
        memset((char *)ptr + from, 0, to - from);
    }
}

/* Accounts for a large allocation that has another size now, and fills its new bytes. */
static void
note_resized(thread_t *thread, const extent_t *e, size_t old, size_t size) {
    bool zeroed = false;
    dispatch_count_direct(thread, size, old);
    if (size > old && modes_on(MODES_OF_ALLOC) != 0) {
        dispatch_fill((char *)e->addr + old, size - old, &zeroed);
    }
}

/* In a mode of frees nothing shrinks in place: the old block must be freed whole (modes.h). */
bool
resize_in_place(thread_t *thread, extent_t *e, uint32_t szind) {
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

/* Remaps a large allocation's pages to where a large class fits, in its arena. Returns the new address; NULL if that is
 * impossible: nothing has changed. */
static void *
resize_by_remap(thread_t *thread, extent_t *e, uint32_t szind) {
    size_t old = sc.size[e->szind];
    const extent_t *to = modes_on(MODES_OF_FREE) != 0 ? NULL : arena_relocate_large(e, szind);
    if (to == NULL) {
        return NULL;
    }
    note_resized(thread, to, old, sc.size[szind]);
    return (void *)to->addr;
}

static bool
is_aligned(const void *ptr, size_t alignment) {
    return ((uintptr_t)ptr & (alignment - 1)) == 0;
}

/* Without a copy. NULL if that is impossible: nothing has changed. */
static void *
resize_large(thread_t *thread, extent_t *e, const request_t *request) {
    void *ptr = (void *)e->addr;
    if (e->slab || sc_is_small(request->szind)) {
        return NULL;
    }
    if (is_aligned(ptr, request->alignment) && resize_in_place(thread, e, request->szind)) {
        return ptr;
    }
    bool anywhere = request->alignment <= sc.page && request->source.arena == NULL;
    return anywhere ? resize_by_remap(thread, e, request->szind) : NULL;
}

/* The old block stays whole until the copy is complete, so a failure changes nothing. */
static void *
resize_by_copy(thread_t *thread, const request_t *request, void *ptr, size_t old_size) {
    bool zeroed = false;
    size_t size = sc.size[request->szind];
    void *to = dispatch_alloc(thread, request->source, request->szind, request->placement, &zeroed);
    if (to == NULL) {
        return NULL;
    }
    memcpy(to, ptr, old_size < size ? old_size : size);
    if (request->zero && !zeroed) {
        zero_bytes(to, old_size, size);
    }
    resize_free(thread, request->source.cache, ptr);
    return to;
}

void *
resize_block(thread_t *thread, extent_t *e, void *ptr, const request_t *request) {
    witness_no_core_lock();
    size_t old_size = sc.size[e->szind];
    if (is_aligned(ptr, request->alignment) && request->szind == e->szind) {
        return ptr;
    }
    void *to = resize_large(thread, e, request);
    if (to == NULL) {
        return resize_by_copy(thread, request, ptr, old_size);
    }
    if (request->zero) {
        zero_bytes(to, old_size, sc.size[request->szind]);
    }
    return to;
}

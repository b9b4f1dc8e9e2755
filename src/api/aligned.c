/*
 * aligned.c -- the entry points of aligned requests, and their slow path. Apart from malloc.c and slow.c, whose code
 * lies among that of boot (the Makefile's link order), because most processes make no such request.
 */
#include "api/alloc_class.h"
#include "api/fast.h"
#include "api/init.h"
#include "api/seen.h"
#include "base/bits.h"
#include "base/witness.h"
#include "lunalloc.h"
#include "os/pages.h"

#include <errno.h>

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
        return alloc_fail();
    }
    bool cached = placement == 1 && szind + 1 < CACHE_BINS;
    if (cached && cache_bin_pop(fast_bin((size_t)(szind + 1) << LG_CACHE_BIN), &ptr)) {
        return ptr;
    }
    return seen_is(thread) ? seen_aligned(thread, szind, placement, size, alignment)
                           : alloc_class(thread, szind, placement, &zeroed);
}

static void *
bad_alignment(void) {
    errno = EINVAL;
    return NULL;
}

int
lunalloc_posix_memalign(void **out, size_t alignment, size_t size) {
    witness_no_core_lock();
    if (!is_pow2(alignment) || alignment < sizeof(void *)) {
        return EINVAL;
    }
    int saved = errno;
    void *ptr = slow_aligned(alignment, size);
    errno = saved;
    if (ptr == NULL) {
        return ENOMEM;
    }
    *out = ptr;
    return 0;
}

void *
lunalloc_aligned_alloc(size_t alignment, size_t size) {
    witness_no_core_lock();
    return is_pow2(alignment) ? slow_aligned(alignment, size) : bad_alignment();
}

#if LUNALLOC_REPLACE
/* As in glibc, an alignment that is no power of two is rounded up to one. */
static void *
lunalloc_memalign(size_t alignment, size_t size) {
    witness_no_core_lock();
    if (alignment <= sizeof(max_align_t)) {
        return lunalloc_malloc(size);
    }
    return alignment > SIZE_MAX / 2 + 1 ? bad_alignment() : slow_aligned((size_t)1 << lg_ceil(alignment), size);
}

static void *
lunalloc_valloc(size_t size) {
    return slow_aligned(pages_size(), size);
}

/* The size is rounded up to whole pages, at least one. */
static void *
lunalloc_pvalloc(size_t size) {
    witness_no_core_lock();
    size_t page = pages_size();
    size_t rounded = size == 0 ? page : align_up(size, page);
    return rounded < size ? alloc_fail() : slow_aligned(page, rounded);
}
#endif

#if LUNALLOC_REPLACE
#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

int posix_memalign(void **out, size_t alignment, size_t size) REPLACES(posix_memalign);
void *aligned_alloc(size_t alignment, size_t size) REPLACES(aligned_alloc);
void *memalign(size_t alignment, size_t size) REPLACES(memalign);
void *valloc(size_t size) REPLACES(valloc);
void *pvalloc(size_t size) REPLACES(pvalloc);

/* glibc's own names of the same functions, which some programs call. */
void *__libc_memalign(size_t alignment, size_t size) REPLACES(memalign);
void *__libc_valloc(size_t size) REPLACES(valloc);
void *__libc_pvalloc(size_t size) REPLACES(pvalloc);
#endif

/*
 * malloc.c -- the entry points of ISO C and POSIX, and the traditional ones. Each tries the fast path (fast.h), then
 * calls the slow one (slow.h).
 *
 * Each has a lunalloc_ name; the standard names are aliases of these, defined only in variants that replace the C
 * library's allocator. The aliases are declared here, because the C library's declarations have attributes that an
 * alias would have to repeat.
 */
#include "api/fast.h"
#include "base/check.h"
#include "base/witness.h"
#include "lunalloc.h"
#include "os/pages.h"

#include <errno.h>
#include <string.h>

void *
lunalloc_malloc(size_t size) {
    void *ptr;
    return LIKELY(fast_malloc(size, &ptr)) ? ptr : slow_malloc(size);
}

void
lunalloc_free(void *ptr) {
    free_block(ptr);
}

void
lunalloc_free_sized(void *ptr, size_t size) {
    free_block_sized(ptr, size, 1);
}

void
lunalloc_free_aligned_sized(void *ptr, size_t alignment, size_t size) {
    free_block_sized(ptr, size, alignment);
}

static void *
no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

static void *
bad_alignment(void) {
    errno = EINVAL;
    return NULL;
}

void *
lunalloc_calloc(size_t count, size_t size) {
    witness_no_core_lock();
    size_t total;
    void *ptr;
    if (UNLIKELY(__builtin_mul_overflow(count, size, &total))) {
        return no_memory();
    }
    return LIKELY(fast_malloc(total, &ptr)) ? memset(ptr, 0, total) : slow_calloc(total);
}

void *
lunalloc_realloc(void *ptr, size_t size) {
    witness_no_core_lock();
    if (UNLIKELY(ptr == NULL)) {
        return lunalloc_malloc(size);
    }
    size_t bin_offset = pagemap_bin_offset(ptr);
    if (bin_offset != 0 && size != 0 && size <= relaxed_read(&realloc_fast_max) && sc_bin_offset(size) == bin_offset) {
        return ptr;
    }
    return slow_realloc(ptr, size);
}

#if LUNALLOC_REPLACE
static void *
lunalloc_reallocarray(void *ptr, size_t count, size_t size) {
    witness_no_core_lock();
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? no_memory() : lunalloc_realloc(ptr, total);
}

#endif

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
    return rounded < size ? no_memory() : slow_aligned(page, rounded);
}
#endif

size_t
lunalloc_usable_size(const void *ptr) {
    witness_no_core_lock();
    return ptr == NULL ? 0 : slow_usable_size(ptr);
}

#if LUNALLOC_REPLACE
#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

void *malloc(size_t size) REPLACES(malloc);
void free(void *ptr) REPLACES(free);
void *calloc(size_t count, size_t size) REPLACES(calloc);
void *realloc(void *ptr, size_t size) REPLACES(realloc);
void *reallocarray(void *ptr, size_t count, size_t size) REPLACES(reallocarray);
int posix_memalign(void **out, size_t alignment, size_t size) REPLACES(posix_memalign);
void *aligned_alloc(size_t alignment, size_t size) REPLACES(aligned_alloc);
void *memalign(size_t alignment, size_t size) REPLACES(memalign);
void *valloc(size_t size) REPLACES(valloc);
void *pvalloc(size_t size) REPLACES(pvalloc);
size_t malloc_usable_size(void *ptr) REPLACES(usable_size);
void cfree(void *ptr) REPLACES(free);
void free_sized(void *ptr, size_t size) REPLACES(free_sized);
void free_aligned_sized(void *ptr, size_t alignment, size_t size) REPLACES(free_aligned_sized);

/* glibc's own names of the same functions, which some programs call. */
void *__libc_malloc(size_t size) REPLACES(malloc);
void __libc_free(void *ptr) REPLACES(free);
void *__libc_calloc(size_t count, size_t size) REPLACES(calloc);
void *__libc_realloc(void *ptr, size_t size) REPLACES(realloc);
void *__libc_memalign(size_t alignment, size_t size) REPLACES(memalign);
void *__libc_valloc(size_t size) REPLACES(valloc);
void *__libc_pvalloc(size_t size) REPLACES(pvalloc);
#endif

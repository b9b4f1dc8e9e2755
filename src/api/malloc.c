/*
 * malloc.c -- the entry points of ISO C, and the traditional ones. Each tries the fast path (fast.h), then calls the
 * slow one (slow.h). Aligned requests have a file of their own (aligned.c).
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
size_t malloc_usable_size(void *ptr) REPLACES(usable_size);
void cfree(void *ptr) REPLACES(free);
void free_sized(void *ptr, size_t size) REPLACES(free_sized);
void free_aligned_sized(void *ptr, size_t alignment, size_t size) REPLACES(free_aligned_sized);

/* glibc's own names of the same functions, which some programs call. */
void *__libc_malloc(size_t size) REPLACES(malloc);
void __libc_free(void *ptr) REPLACES(free);
void *__libc_calloc(size_t count, size_t size) REPLACES(calloc);
void *__libc_realloc(void *ptr, size_t size) REPLACES(realloc);
#endif

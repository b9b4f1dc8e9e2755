/*
 * faulty.c -- a malloc that misbehaves on purpose, to be preloaded: workload_test.lua asks it for certain sizes and
 * expects verification to report what it did. Every other size goes to the C library's own malloc.
 *
 *   7001 bytes   malloc: a block that overlaps the one before by half
 *   7002 bytes   calloc: a block whose last byte is not zero
 *   7003 bytes   realloc to it loses the contents
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* glibc's malloc under the names by which an interposer can reach it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void __libc_free(void *ptr);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);

static unsigned char pool[8 << 20] __attribute__((aligned(4096)));
static size_t used;

/* From the pool, in steps of `step`; NULL when it is used up. One thread at a time. */
static void *
from_pool(size_t size, size_t step) {
    if (used + size > sizeof(pool)) {
        return NULL;
    }
    void *ptr = pool + used;
    used += (step + 15) & ~(size_t)15;
    return ptr;
}

void *
malloc(size_t size) {
    return size == 7001 ? from_pool(size, size / 2) : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size) {
    unsigned char *ptr = __libc_calloc(count, size);
    if (count * size == 7002 && ptr != NULL) {
        ptr[7001] = 1;
    }
    return ptr;
}

void *
realloc(void *ptr, size_t size) {
    void *fresh = __libc_realloc(ptr, size);
    if (size == 7003 && fresh != NULL) {
        memset(fresh, 0, 100);
    }
    return fresh;
}

void
free(void *ptr) {
    if ((uintptr_t)ptr - (uintptr_t)pool >= sizeof(pool)) {
        __libc_free(ptr);
    }
}

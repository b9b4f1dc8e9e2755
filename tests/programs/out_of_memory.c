/*
 * out_of_memory.c -- run under a limit of address space: allocation must fail with NULL and ENOMEM, realloc must leave
 * the old block alone, and after freeing some of it everything must work again. Also the sizes that can never be had.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT = 100000
};

static void *blocks[COUNT];
static int failures;

static void
expect(int condition, const char *what) {
    if (!condition) {
        failures++;
        printf("not so: %s\n", what);
    }
}

/* Allocates until nothing is left; returns how many blocks there were. */
static size_t
exhaust(size_t size) {
    size_t n = 0;
    errno = 0;
    while (n < COUNT && (blocks[n] = malloc(size)) != NULL) {
        memset(blocks[n], 0x5a, size);
        n++;
    }
    expect(n > 0 && n < COUNT, "memory has an end, and does not end at once");
    expect(errno == ENOMEM, "errno is ENOMEM");
    return n;
}

static void
release(size_t n) {
    while (n > 0) {
        free(blocks[--n]);
    }
}

static void
exhaust_and_recover(size_t size) {
    size_t first = exhaust(size);
    errno = 0;
    expect(realloc(blocks[0], SIZE_MAX / 4) == NULL && errno == ENOMEM, "realloc of too much fails");
    expect(((unsigned char *)blocks[0])[size - 1] == 0x5a, "the block is as it was before realloc failed");
    release(first);
    size_t second = exhaust(size);
    expect(second >= first - first / 4, "nearly as much can be had the second time");
    release(second);
}

static void
impossible_sizes(void) {
    volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2 + 2, over = (size_t)PTRDIFF_MAX + 1, tib = (size_t)1 << 40;
    void *p = NULL;
    errno = 0;
    expect(malloc(huge) == NULL && errno == ENOMEM, "malloc(SIZE_MAX)");
    expect(malloc(over) == NULL, "malloc(PTRDIFF_MAX + 1)");
    errno = 0;
    expect(calloc(half, 2) == NULL && errno == ENOMEM, "calloc whose product overflows");
    errno = 0;
    expect(reallocarray(NULL, half, 2) == NULL && errno == ENOMEM, "reallocarray whose product overflows");
    expect(pvalloc(huge) == NULL, "pvalloc(SIZE_MAX)");
    expect(valloc(huge) == NULL, "valloc(SIZE_MAX)");
    expect(posix_memalign(&p, 3, 100) == EINVAL, "posix_memalign with alignment 3");
    expect(posix_memalign(&p, 64, huge) == ENOMEM, "posix_memalign of SIZE_MAX");
    expect(aligned_alloc(tib, tib) == NULL, "aligned_alloc of 1 TiB at 1 TiB");
}

static void
odd_but_valid(void) {
    void *p = malloc(0);
    expect(p != NULL, "malloc(0) is a block");
    p = realloc(p, 10);
    expect(malloc_usable_size(p) >= 10 && malloc_usable_size(NULL) == 0, "malloc_usable_size");
    free(p);
    free(NULL);
    p = pvalloc(5000);
    expect(p != NULL && (uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 8192, "pvalloc fills its pages");
    free(p);
    p = NULL;
    expect(posix_memalign(&p, 4096 * 16, 1) == 0 && (uintptr_t)p % (4096 * 16) == 0, "alignment above a page");
    free(p);
}

int
main(void) {
    odd_but_valid();
    impossible_sizes();
    exhaust_and_recover(1 << 20);
    exhaust_and_recover(50000);
    odd_but_valid();
    printf("%s\n", failures == 0 ? "recovered" : "did not recover");
    return failures != 0;
}

/* early.c -- a bump allocator. */
#include "api/early.h"

#include "arena/arenas.h"
#include "base/bits.h"
#include "os/pages.h"

#include <errno.h>
#include <string.h>

/* Untouched, it costs nothing. */
#define REGION ((size_t)8 << 20)

/* Synchronization: the thread that boots; constant afterwards. */
static uintptr_t region; /* 0: none was needed */
static uintptr_t used;   /* bytes */

typedef struct {
    _Alignas(16) size_t size;
} header_t;

static header_t *
header_of(const void *ptr) {
    return (header_t *)(uintptr_t)ptr - 1;
}

/* Sized frees must look a block up from now on: it may not enter a cache. */
static bool
make_region(void) {
    if (region == 0) {
        region = (uintptr_t)pages_map(REGION, pages_size());
        atomic_set(&arenas_uncached_made, true);
    }
    return region != 0;
}

void *
early_alloc(size_t size, size_t alignment) {
    if (size < REGION && alignment < REGION && make_region()) {
        uintptr_t start = align_up(region + used + sizeof(header_t), alignment < 16 ? 16 : alignment);
        if (start + size <= region + REGION) {
            used = start + size - region;
            header_of((void *)start)->size = size;
            return memset((void *)start, 0, size);
        }
    }
    errno = ENOMEM;
    return NULL;
}

bool
early_has(const void *ptr) {
    return (uintptr_t)ptr - region < used;
}

size_t
early_size(const void *ptr) {
    return header_of(ptr)->size;
}

void
early_free(void *ptr) {
    if ((uintptr_t)ptr + early_size(ptr) == region + used) {
        used = (uintptr_t)header_of(ptr) - region;
    }
}

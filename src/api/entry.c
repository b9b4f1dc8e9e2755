/* entry.c -- the functions, by their addresses. */
#include "api/entry.h"

#include "api/slow.h"
#include "lunalloc.h"

#define IS(function) (start == (uintptr_t)(function))

static bool
is_standard(uintptr_t start) {
    return IS(slow_malloc) || IS(slow_calloc) || IS(slow_aligned) || IS(slow_realloc) || IS(lunalloc_malloc) ||
           IS(lunalloc_calloc) || IS(lunalloc_realloc) || IS(lunalloc_posix_memalign) || IS(lunalloc_aligned_alloc);
}

static bool
is_extended(uintptr_t start) {
    return IS(mallocx_slow) || IS(rallocx_slow) || IS(lunalloc_mallocx) || IS(lunalloc_rallocx) ||
           IS(lunalloc_xallocx) || IS(lunalloc_batch_alloc);
}

/* The operators of C++ are there where the standard names are. */
static bool
is_operator(uintptr_t start) {
#if LUNALLOC_REPLACE
    return IS(new_slow) || IS(new_nothrow_slow);
#else
    (void)start;
    return false;
#endif
}

bool
entry_is(uintptr_t start) {
    return is_standard(start) || is_extended(start) || is_operator(start);
}

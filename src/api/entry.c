/* entry.c -- which functions lead into the allocator: a profile's stacks begin where these were called. */
#include "api/init.h"
#include "api/slow.h"
#include "lunalloc.h"

#define IS(function) (start == (uintptr_t)(function))

bool
entry_is(uintptr_t start) {
    return IS(slow_malloc) || IS(slow_calloc) || IS(slow_aligned) || IS(slow_realloc) || IS(lunalloc_malloc) ||
           IS(lunalloc_calloc) || IS(lunalloc_realloc) || IS(lunalloc_posix_memalign) || IS(lunalloc_aligned_alloc);
}

/*
 * entry.h -- which functions lead into the allocator: the stacks of a profile begin where one of these was called.
 * Those that no other header declares are here; none of them is inlined, so that each has a frame.
 */
#ifndef LUNALLOC_API_ENTRY_H
#define LUNALLOC_API_ENTRY_H

#include "base/config.h"

/* extended.c */
NOINLINE void *mallocx_slow(size_t size, int flags);
NOINLINE void *rallocx_slow(void *ptr, size_t size, int flags);

/* cxx.c */
NOINLINE void *new_slow(size_t size);
NOINLINE void *new_nothrow_slow(size_t size, const void *nothrow);

/* Is it the start of such a function? (prof_is_entry) */
bool entry_is(uintptr_t start);

#endif

/*
 * entry.h -- the functions by which a program enters the allocator. The profiler asks for them (prof_is_entry): a stack
 * in a profile begins where one of these was called. Entry functions that no other header declares are declared here;
 * none of them is inlined, so that each has a frame.
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

/* Is it the address of an entry function? */
bool entry_is(uintptr_t start);

#endif

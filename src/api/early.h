/*
 * early.h -- memory for allocations that boot itself brings about: a function of the C library's that boot calls may be
 * a preloaded library's, and the application's malloc_message may be anything; both may allocate.
 *
 * One region of addresses, taken from front to back. A block's size stands before it. What is freed is used again only
 * if it was the last one. Blocks outlive boot, and may be freed at any time.
 *
 * Allocated and freed by the one thread that boots; everything else, by any thread after boot.
 */
#ifndef LUNALLOC_API_EARLY_H
#define LUNALLOC_API_EARLY_H

#include "base/config.h"

/* Zeroed. alignment: a power of two. NULL and ENOMEM without memory. */
void *early_alloc(size_t size, size_t alignment);
/* Is it such a block? */
bool early_has(const void *ptr);
/* Bytes of a block. */
size_t early_size(const void *ptr);
/* While boot runs. Later, such blocks are left alone. */
void early_free(void *ptr);

#endif

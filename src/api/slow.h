/* slow.h -- the slow paths behind the entry points. Thread-safe. They set errno to ENOMEM where they return NULL. */
#ifndef LUNALLOC_API_SLOW_H
#define LUNALLOC_API_SLOW_H

#include "thread/thread.h"

/* The calling thread; boots the allocator if this is the first call of all. NULL if boot itself calls (early.h). */
thread_t *slow_self(void);

NOINLINE void *slow_malloc(size_t size);
NOINLINE void *slow_calloc(size_t size);
NOINLINE void *slow_aligned(size_t alignment, size_t size);
NOINLINE void *slow_realloc(void *ptr, size_t size);
NOINLINE void slow_free(void *ptr);
/* Usable size of an allocation that lives. */
size_t slow_usable_size(const void *ptr);

#endif

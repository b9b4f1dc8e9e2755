/*
 * generation.h -- how all threads are asked for something. Nobody writes to another thread's state: who changes what
 * threads go by changes that first, and the word after it; each thread compares the word with what it saw last, on its
 * slow paths (thread/refresh.h).
 */
#ifndef LUNALLOC_BASE_GENERATION_H
#define LUNALLOC_BASE_GENERATION_H

#include "base/atomic.h"

extern _Atomic uint32_t config_generation; /* Synchronization: any thread; rises with each request. */

/* What was written before is seen by whoever sees the request. */
static inline void
config_generation_bump(void) {
    atomic_fetch_add_explicit(&config_generation, 1, memory_order_release);
}

static inline uint32_t
config_generation_latest(void) {
    return atomic_get_acquire(&config_generation);
}

#endif

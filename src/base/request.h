/*
 * request.h -- how all threads are asked for something. Nobody writes to another thread's state: who changes what
 * threads go by changes that first, and the word after it; each thread compares the word with what it saw last, on its
 * slow paths (thread/follow.h).
 */
#ifndef LUNALLOC_BASE_REQUEST_H
#define LUNALLOC_BASE_REQUEST_H

#include "base/atomic.h"

extern _Atomic uint32_t request_word; /* Synchronization: any thread; rises with each request. */

/* What was written before is seen by whoever sees the request. */
static inline void
request_all(void) {
    atomic_fetch_add_explicit(&request_word, 1, memory_order_release);
}

static inline uint32_t
request_latest(void) {
    return atomic_get_acquire(&request_word);
}

#endif

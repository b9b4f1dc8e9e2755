/*
 * cache_bin.h -- one thread's stack of free objects of one class: the hot path.
 *
 *   full                        head                      empty
 *    |                           |                          |
 *    v                           v                          v
 *    [ unused ... unused unused ][ newest ...        oldest ]
 *    low addresses                              high addresses
 *
 * head points to the newest object's slot and moves up on allocation, down on deallocation. The bounds are kept as
 * the low 16 bits of their addresses: a stack is smaller than 64 KiB, so these tell its slots apart. Zeroed memory is
 * a stack that is empty and full at once, so every operation on it takes the slow path; that is how a thread starts,
 * and how anything that must see every call is switched on.
 *
 * remain counts allocations down; at 0 the slow path runs once (thread events). It is the only bookkeeping here.
 *
 * Synchronization: written by the owning thread only; head, remain and empty are read by others for statistics
 * (relaxed; a count read while the stack moves to a larger one may be wrong, never out of bounds).
 */
#ifndef LUNALLOC_THREAD_CACHE_BIN_H
#define LUNALLOC_THREAD_CACHE_BIN_H

#include "base/atomic.h"
#include "base/config.h"

typedef struct {
    void **head;     /* Synchronization: the owner writes, any thread reads. */
    uint32_t remain; /* Synchronization: as head. */
    uint16_t empty;  /* Synchronization: as head. */
    uint16_t full;   /* Synchronization: the owner alone. */
} cache_bin_t;
_Static_assert(sizeof(cache_bin_t) == 1U << LG_CACHE_BIN, "a bin offset is a bin index times the size of a bin");

ALWAYS_INLINE void **
cache_bin_head(const cache_bin_t *bin) {
    return __atomic_load_n(&bin->head, __ATOMIC_RELAXED);
}

ALWAYS_INLINE void
cache_bin_set_head(cache_bin_t *bin, void **head) {
    __atomic_store_n(&bin->head, head, __ATOMIC_RELAXED);
}

ALWAYS_INLINE bool
cache_bin_is_empty(const cache_bin_t *bin, void **head) {
    return (uint16_t)(uintptr_t)head == bin->empty;
}

ALWAYS_INLINE bool
cache_bin_is_full(const cache_bin_t *bin, void **head) {
    return (uint16_t)(uintptr_t)head == bin->full;
}

/* True when the count reaches 0. One instruction, except where a sanitizer must see that the readers' race is meant. */
ALWAYS_INLINE bool
cache_bin_count_down(cache_bin_t *bin) {
    if (config_tsan) {
        uint32_t remain = __atomic_load_n(&bin->remain, __ATOMIC_RELAXED) - 1;
        __atomic_store_n(&bin->remain, remain, __ATOMIC_RELAXED);
        return remain == 0;
    }
    return --bin->remain == 0;
}

/* Objects held. */
static inline uint32_t
cache_bin_count(const cache_bin_t *bin) {
    uint16_t empty = __atomic_load_n(&bin->empty, __ATOMIC_RELAXED);
    return (uint16_t)(empty - (uint16_t)(uintptr_t)cache_bin_head(bin)) / (uint32_t)sizeof(void *);
}

/* False if the slow path must look. */
ALWAYS_INLINE bool
cache_bin_pop(cache_bin_t *bin, void **ptr) {
    void **head = cache_bin_head(bin);
    if (UNLIKELY(cache_bin_is_empty(bin, head)) || UNLIKELY(cache_bin_count_down(bin))) {
        return false;
    }
    cache_bin_set_head(bin, head + 1);
    *ptr = *head;
    return true;
}

/* False if the stack is full. */
ALWAYS_INLINE bool
cache_bin_push(cache_bin_t *bin, void *ptr) {
    void **head = cache_bin_head(bin);
    if (UNLIKELY(cache_bin_is_full(bin, head))) {
        return false;
    }
    *--head = ptr;
    cache_bin_set_head(bin, head);
    return true;
}

#endif

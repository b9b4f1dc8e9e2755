/*
 * cache.h -- a cache: for each class a stack of free objects, and what that needs off the hot path. A thread has one of
 * its own (thread.h); others are made by request (tcaches.h). What is done with them: tcache.h.
 *
 * Objects are conserved, class by class, over the life of a cache:
 *   held = taken from arenas + freed into it - allocated from it - returned to arenas
 * so that frees are never counted: held is the stack's, allocations are counted down, and what is left is counted where
 * objects pass between cache and arenas. In bytes, over the classes that are `used`:
 *   requested = counted - sum of size * remain
 *   freed     = requested + returned + sum of size * held
 */
#ifndef LUNALLOC_THREAD_CACHE_H
#define LUNALLOC_THREAD_CACHE_H

#include "thread/cache_bin.h"

/* What a cache bin needs off the hot path. Requests are remembered by their low bits: only differences matter, and a
 * wrong one costs a refill of another size. */
typedef struct {
    /* Synchronization: the cache's user alone: these fields. */
    void **slots;        /* the stack's memory, 2^lg_slots pointers; NULL until first used */
    uint8_t lg_slots;    /* read by any thread, for statistics */
    uint8_t fill_shift;  /* 2^fill_shift objects were asked for by the last refill */
    uint16_t last_fill;  /* objects on the stack after it */
    uint32_t fill_mark;  /* requests then */
    uint32_t overflowed; /* requests when the stack last ran over */
    uint32_t seen;       /* requests when the collector last looked */

    _Atomic uint64_t nrequests; /* Synchronization: the user writes, any thread reads; allocations counted when the
                                   present countdown ends. */
} cache_cold_t;

/* Most objects that the stack holds; any thread may ask while there is one. */
static inline uint32_t
cache_slots(const cache_cold_t *cold) {
    return 1U << __atomic_load_n(&cold->lg_slots, __ATOMIC_RELAXED);
}

typedef struct {
    cache_bin_t bins[CACHE_BINS];  /* Synchronization: one user at a time; see cache_bin.h. 0 stays zeroed. */
    struct thread *_Atomic owner;  /* Synchronization: constant; the thread whose own one it is, or NULL. Behind the
                                      bins: see thread.h. */
    cache_cold_t cold[CACHE_BINS]; /* Synchronization: one user at a time; nrequests is read by others. */
    uint32_t ncached;              /* Synchronization: the user; classes below this szind are cached, 0: none. */
    uint32_t sweep;                /* Synchronization: the user; the bin that the collector looks at next. */
    uint64_t due;                  /* Synchronization: the user; bit i: the end of bin i's present countdown is a sample
                                      (arena/sample.h). */
    uint32_t drawn;                /* Synchronization: the user; sample_generation of the present countdowns. */

    /* Synchronization: the user: these fields. */
    uint64_t used;     /* bit i: an object of bin i's class was asked for or freed here */
    uint64_t counted;  /* bytes: what the used classes' requests are when their present countdowns end */
    uint64_t returned; /* bytes given to arenas less bytes taken from them; wraps */
} cache_t;
_Static_assert(CACHE_BINS <= 64, "a bit for each bin");

#endif

/*
 * cache.h -- the structure of a cache: for each class a stack of free objects, and what that needs off the hot path.
 * Each thread has one (thread.h); explicit ones are created on request (tcaches.h). Operations: tcache.h (mechanics),
 * tcache_depth.h (how large stacks and refills are), tcache_count.h (requests and bytes).
 *
 * Objects are conserved, class by class, over the life of a cache:
 *   held = taken from arenas + freed into it - allocated from it - returned to arenas
 * So frees are never counted: the stack says how many are held, allocations are counted down, and the rest is counted
 * where objects pass between cache and arenas. In bytes, over the classes that are `used`:
 *   requested = counted - sum of size * remain
 *   freed     = requested + returned + sum of size * held
 */
#ifndef LUNALLOC_THREAD_CACHE_H
#define LUNALLOC_THREAD_CACHE_H

#include "thread/cache_bin.h"

/* The part of a cache bin that the hot path never touches. The three counts of requests are the low 32 bits: only their
 * differences matter. */
typedef struct {
    /* Synchronization: the cache's user alone: these fields. */
    void **slots;           /* the stack's memory, 2^lg_slots pointers; NULL until first used */
    uint8_t lg_slots;       /* read by any thread, for statistics */
    uint8_t fill_shift : 5; /* the last refill requested 2^fill_shift objects */
    uint8_t trips : 3;      /* how steadily the stack makes round trips (thread/tcache_depth.h) */
    uint16_t last_fill;     /* objects on the stack after it */
    uint32_t fill_mark;     /* requests at that time */
    uint32_t overflowed;    /* requests when the stack last overflowed */
    uint32_t seen;          /* requests when the collector last looked */

    _Atomic uint64_t count_at_end; /* Synchronization: the user writes, any thread reads; requests, once the present
                                      countdown has ended. */
} cache_cold_t;

/* Most objects that the stack holds. Any thread may ask while the stack exists. */
static inline uint32_t
cache_slots(const cache_cold_t *cold) {
    return 1U << __atomic_load_n(&cold->lg_slots, __ATOMIC_RELAXED);
}

typedef struct {
    cache_bin_t bins[CACHE_BINS];  /* Synchronization: one user at a time; see cache_bin.h. Bin 0 stays zeroed; bin
                                      szind + 1 is a class's. */
    struct thread *_Atomic owner;  /* Synchronization: constant; the thread whose own cache this is, or NULL. It stands
                                      behind the bins: see thread.h. */
    cache_cold_t cold[CACHE_BINS]; /* Synchronization: one user at a time; count_at_end is read by others. */
    uint32_t ncached;              /* Synchronization: the user; classes below this szind are cached, 0: none. */
    uint32_t sweep;                /* Synchronization: the user; szind of the bin that the collector looks at next. */
    uint64_t due;                  /* Synchronization: the user; bit i: the end of bin i's present countdown is a sample
                                      (arena/sample.h). */
    uint32_t drawn;                /* Synchronization: the user; sample_generation of the present countdowns. */

    /* Synchronization: the user: these fields. */
    uint64_t used;     /* bit i: an object of bin i's class was requested or freed here */
    uint64_t counted;  /* bytes: the used classes' requests when their present countdowns end */
    uint64_t returned; /* bytes given to arenas less bytes taken from them; wraps */
} cache_t;
_Static_assert(CACHE_BINS <= 64, "a bit for each bin");

#endif

/*
 * thread.h -- what each thread has: a cache, and an arena that it allocates from.
 *
 * The only thread-local variable of the fast path is the 8-byte pointer thread_self (initial-exec, so that reading
 * it is one instruction and a dlopen'ed library still finds room). It starts at thread_unborn, whose zeroed bins are
 * empty and full: the first call of a thread takes the slow path and thread_get makes it a thread of its own. After
 * thread exit it is thread_gone: allocation still works, uncached.
 */
#ifndef LUNALLOC_THREAD_THREAD_H
#define LUNALLOC_THREAD_THREAD_H

#include "arena/arenas.h"
#include "thread/cache_bin.h"

/* Bin indices (szind + 1) that may be cached; 0 stands for "none" and its bin stays zeroed. */
#define THREAD_BINS 64

/* What a cache bin needs off the hot path. Requests are remembered by their low bits: only differences matter, and a
 * wrong one costs a refill of another size. */
typedef struct {
    /* Synchronization: the owning thread alone: these fields. */
    void **slots; /* the stack's memory, 2^lg_slots pointers; NULL until first used */
    uint8_t lg_slots;
    uint8_t lg_fill;     /* 2^lg_fill objects were asked for by the last refill */
    uint16_t given;      /* objects on the stack after it */
    uint32_t refilled;   /* requests then */
    uint32_t overflowed; /* requests when the stack last ran over */
    uint32_t seen;       /* requests when the collector last looked */

    _Atomic uint64_t nrequests; /* Synchronization: the owner writes, any thread reads; allocations counted so far,
                                   without the present countdown. */
} cache_cold_t;

typedef struct thread {
    cache_bin_t bins[THREAD_BINS];  /* Synchronization: the owner; see cache_bin.h. First: offset 0 on the fast path. */
    cache_cold_t cold[THREAD_BINS]; /* Synchronization: the owner; nrequests is read by others. */
    arena_t *_Atomic arena;         /* Synchronization: the owner writes. */
    uint32_t ncached;               /* Synchronization: the owner; classes below this szind are cached, 0: none. */
    uint32_t generation; /* Synchronization: the owner; of the number of arenas, when it was last looked at. */
    uint32_t id;         /* Synchronization: constant (a fork sets it anew); the system's number. */
    uint32_t ticks;      /* Synchronization: the owner; slow-path events so far. */
    uint32_t sweep;      /* Synchronization: the owner; the bin that the collector looks at next. */
    list_t link GUARDED_BY(role_threads);
} thread_t;

extern __thread thread_t *thread_self __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern thread_t thread_unborn, thread_gone;

/* The calling thread, made on its first call. Never NULL: without memory it is thread_gone, uncached. Boot has
 * finished. */
thread_t *thread_get(void);
/* Once, at boot, by the first thread. */
void thread_boot(void);

/* Binds the calling thread to an arena that is alive and stays so; a manual one switches its cache off. */
void thread_bind(thread_t *thread, arena_t *arena);
/* Where the calling thread's allocations come from now: its arena, or, inside of a hook, one without hooks. NULL
 * without memory. */
arena_t *thread_source(thread_t *thread);
/* Turns the calling thread's cache on or off. */
void thread_set_cached(thread_t *thread, bool on);

/* Counts a slow-path event: from time to time decay moves on, here and in one other arena, and one bin of the cache
 * is looked at. */
void thread_event(thread_t *thread);

/* Calls visit for each thread, under the threads' lock. */
void thread_each(void (*visit)(const thread_t *thread, void *context), void *context) EXCLUDES(role_threads);
/* Requests of a class that no living cache counts: by threads that have ended, and without a cache. */
uint64_t thread_other_requests(uint32_t szind);
void thread_count_uncached(uint32_t szind);

void thread_prefork(void);
void thread_postfork(bool child);

#endif

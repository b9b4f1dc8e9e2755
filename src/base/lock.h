/*
 * lock.h -- ranked mutexes that count what happens to them, and the words that let clang check who holds which.
 *
 * A lock is one word, which who finds it free takes by one compare-and-swap. Who does not, looks again a few
 * times and then sleeps on the word: the system's part, os/lock.c.
 *
 * One enum ranks every lock of the library, outermost first; a thread takes locks in strictly rising rank. The witness
 * (witness.h) tests that at run time in debug builds.
 *
 * Clang's analysis sees *roles*: one global capability per kind of lock, because C has no way to name "the lock in
 * the same struct" in a field's annotation. A field says GUARDED_BY(role), a function REQUIRES(role) or
 * EXCLUDES(role), and each module has a pair of functions that acquire its lock and its role together.
 */
#ifndef LUNALLOC_BASE_LOCK_H
#define LUNALLOC_BASE_LOCK_H

#include "base/atomic.h"
#include "base/config.h"

#ifdef __clang__
#define ANNOTATE(x) __attribute__((x))
#else
#define ANNOTATE(x)
#endif

#define CAPABILITY(name) ANNOTATE(capability(name))
#define GUARDED_BY(role) ANNOTATE(guarded_by(role))
#define REQUIRES(...)    ANNOTATE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)    ANNOTATE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...)     ANNOTATE(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) ANNOTATE(try_acquire_capability(__VA_ARGS__))
#define RELEASE(...)     ANNOTATE(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY ANNOTATE(no_thread_safety_analysis)

/* Outermost first. Ranks from RANK_CORE on belong to the allocator's core: none may be held on entry to malloc or
 * free. */
typedef enum {
    RANK_NONE,
    RANK_BOOT,
    RANK_DUMP,
    RANK_BACKGROUND,
    RANK_ROUND,
    RANK_THREADS,
    RANK_TCACHES,
    RANK_ARENAS,
    RANK_CORE,
    RANK_DECAY = RANK_CORE,
    RANK_BIN,
    RANK_DIRTY,
    RANK_MUZZY,
    RANK_RETAINED,
    RANK_DESCRIPTORS,
    RANK_PAGEMAP,
    RANK_PROF,
    RANK_METADATA,
    RANK_REGIONS, /* os/pages_regions.c */
    RANK_COUNT
} lock_rank_t;

typedef enum {
    LOCK_FREE,
    LOCK_HELD,
    LOCK_AWAITED /* held, and somebody may sleep */
} lock_state_t;

/* Counts are the holder's to write, unless said otherwise. */
typedef struct {
    _Atomic uint32_t state;        /* Synchronization: any thread; a lock_state_t. */
    uint8_t rank;                  /* Synchronization: constant; a lock_rank_t. */
    bool forking;                  /* Synchronization: the holder; taken by lock_prefork. */
    uint16_t entered;              /* Synchronization: the holder; how often, since then, by the same thread. */
    _Atomic uintptr_t owner;       /* Synchronization: the holder writes, any reads; the latest one's mark. */
    _Atomic uint64_t nops;         /* Synchronization: as owner. */
    _Atomic uint64_t nswitches;    /* Synchronization: as owner. */
    _Atomic uint64_t nspins;       /* Synchronization: as owner. */
    _Atomic uint64_t nwaits;       /* Synchronization: as owner. */
    _Atomic uint64_t wait_ns;      /* Synchronization: as owner. */
    _Atomic uint64_t max_wait_ns;  /* Synchronization: as owner. */
    _Atomic uint32_t nsleepers;    /* Synchronization: any thread. */
    _Atomic uint32_t max_sleepers; /* Synchronization: as owner. */
} lock_t;

/* What happened to a lock since it was made, or since lock_stats_reset. */
typedef struct {
    uint64_t num_ops;          /* acquisitions */
    uint64_t num_wait;         /* that had to sleep */
    uint64_t num_spin_acq;     /* that had to spin, but not to sleep */
    uint64_t num_owner_switch; /* by another thread than the one before */
    uint64_t total_wait_ns;    /* asleep */
    uint64_t max_wait_ns;      /* the longest sleep */
    uint32_t max_num_thds;     /* most threads that slept at once */
} lock_stats_t;

/* The name of a kind of lock, for the analysis only; never read. */
typedef struct CAPABILITY("mutex") {
    char unused;
} lock_role_t;

extern lock_role_t role_background, role_threads, role_tcaches, role_arenas, role_decay, role_bin, role_extents,
    role_descriptors, role_pagemap, role_prof, role_dump, role_metadata;

#define LOCK_INITIALIZER(r)                                                                                            \
    { .rank = (r) }

void lock_init(lock_t *lock, lock_rank_t rank);
void lock_acquire(lock_t *lock);
bool lock_try(lock_t *lock);
void lock_release(lock_t *lock);
/* Like lock_acquire, but a lock of the same rank may be held: only for taking one kind of lock of all arenas, by
 * index. */
void lock_acquire_sibling(lock_t *lock);

/*
 * Fork. The forking thread takes every lock of the process, so that no structure is half changed in the child. But
 * handlers of the application's that were registered before ours run while all are held: "prepare" after our own,
 * "parent" and "child" before it. They may allocate. So from lock_fork_begin to lock_fork_end, the thread that holds
 * the locks enters those that it took by lock_prefork once more, by lock_acquire, while everybody else waits. What each
 * lock guards is whole then, since it was free before. The witness begins with nothing held.
 */
void lock_prefork(lock_t *lock);
/* Like lock_acquire_sibling. */
void lock_prefork_sibling(lock_t *lock);
void lock_fork_begin(void);
void lock_fork_end(void);
/* After it, by the forking thread: gives back what lock_prefork took, and nothing else. In the child too, where those
 * who waited for the lock are not there. */
void lock_postfork(lock_t *lock, bool child);

/* Any thread may ask; each figure is exact, not all of them of the same instant. */
void lock_stats(const lock_t *lock, lock_stats_t *out);
/* The lock is held. */
void lock_stats_reset(lock_t *lock);

/* Takes a lock, if it is free at this moment; counts nothing. */
static inline bool
lock_take(lock_t *lock) {
    uint32_t expected = LOCK_FREE;
    return atomic_compare_exchange_strong_explicit(&lock->state, &expected, LOCK_HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* The system's part: takes a lock that was not free, and wakes one that sleeps on a lock given back. */
void lock_contend(lock_t *lock);
void lock_wake(lock_t *lock);

#endif

/*
 * lock.h -- the library's mutex. Use one for shared state that a single atomic cannot hold. Each lock has a rank, which
 * says what may be held when it is taken (base/witness.h).
 *
 * A lock is one word and a few counts. To take a free lock is one compare-and-swap, to release it one exchange. A
 * thread that finds it held polls it three times, then sleeps on the word (os/thread.h). Not recursive, except across a
 * fork; not fair.
 *
 * Each lock has jemalloc's seven mutex statistics (stats.mutexes, stats.arenas.<i>.mutexes). They are the only way to
 * see where threads wait, so that one can add bin shards or arenas: bench-shards reads them. They cost 8 instructions
 * an acquisition and 64 bytes a lock. That is 0.1 % of all instructions in pattern `mixed` of the bench, and at most
 * 3 % of those that fill a cache from slabs (callgrind-middle: objects of 1 KiB on fresh pages).
 */
#ifndef LUNALLOC_OS_LOCK_H
#define LUNALLOC_OS_LOCK_H

#include "base/atomic.h"
#include "base/witness.h"

typedef enum {
    LOCK_FREE,
    LOCK_HELD,
    LOCK_CONTENDED /* held, and a thread may sleep on it: the holder wakes one when it releases the lock */
} lock_state_t;

typedef struct {
    _Atomic uint32_t state;        /* Synchronization: any thread; a lock_state_t. */
    uint8_t rank;                  /* Synchronization: constant; a lock_rank_t. */
    bool held_for_fork;            /* Synchronization: the holder; set by lock_prefork, cleared by lock_postfork. */
    uint16_t nreentries;           /* Synchronization: the holder; unmatched acquisitions by the forking thread. */
    _Atomic uintptr_t owner;       /* Synchronization: the holder writes, any reads; the latest holder's mark. */
    _Atomic uint64_t nops;         /* Synchronization: as owner; the statistics of lock_stats_t. */
    _Atomic uint64_t nswitches;    /* Synchronization: as owner. */
    _Atomic uint64_t nspins;       /* Synchronization: as owner. */
    _Atomic uint64_t nwaits;       /* Synchronization: as owner. */
    _Atomic uint64_t wait_ns;      /* Synchronization: as owner. */
    _Atomic uint64_t max_wait_ns;  /* Synchronization: as owner. */
    _Atomic uint32_t nsleepers;    /* Synchronization: any thread; threads that sleep now. */
    _Atomic uint32_t max_sleepers; /* Synchronization: as owner. */
} lock_t;

#define LOCK_INITIALIZER(r)                                                                                            \
    { .rank = (r) }

void lock_init(lock_t *lock, lock_rank_t rank);
void lock_acquire(lock_t *lock);
/* Takes the lock only if it is free. */
bool lock_try(lock_t *lock);
void lock_release(lock_t *lock);
/* A number of the calling thread, other than those of threads that live at the same time; `owner` has that of the
 * latest holder. */
uintptr_t lock_thread(void);
/* Like lock_acquire, but the caller may hold a lock of the same rank. Only for taking one kind of lock of several
 * arenas, in the order of their indices. */
void lock_acquire_sibling(lock_t *lock);

/* ---- statistics ---- */

/* What happened to a lock since it was initialised, or since lock_stats_reset. */
typedef struct {
    uint64_t nops;         /* acquisitions */
    uint64_t nwaits;       /* acquisitions that slept */
    uint64_t nspins;       /* acquisitions that polled, but did not sleep */
    uint64_t nswitches;    /* acquisitions by another thread than the one before */
    uint64_t wait_ns;      /* nanoseconds asleep */
    uint64_t max_wait_ns;  /* longest sleep */
    uint32_t max_sleepers; /* most threads that slept at the same time */
} lock_stats_t;

/* Any thread may call it, without the lock. Each count is exact; together they are not a snapshot. */
void lock_stats(const lock_t *lock, lock_stats_t *out);
/* The caller holds the lock. */
void lock_stats_reset(lock_t *lock);

/*
 * ---- fork ----
 *
 * The forking thread takes every lock of the process, so that no structure is half changed in the child. But the
 * application's own fork handlers that were registered before ours run while all locks are held ("prepare" after our
 * own, "parent" and "child" before it), and they may allocate. So between lock_fork_begin and lock_fork_end the forking
 * thread may acquire each lock that it took by lock_prefork again, recursively, while all other threads wait. That is
 * safe because each lock was free before: what it guards is consistent. The witness counts the thread as holding
 * nothing meanwhile.
 */
void lock_prefork(lock_t *lock);
/* lock_prefork in the way of lock_acquire_sibling. */
void lock_prefork_sibling(lock_t *lock);
void lock_fork_begin(void);
void lock_fork_end(void);
/* Releases the lock if lock_prefork took it, else does nothing. In the child, too, where the threads that waited for
 * the lock do not exist. */
void lock_postfork(lock_t *lock, bool child);

#endif

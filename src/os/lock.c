/*
 * lock.c -- an uncontended lock costs one atomic instruction each way, and two counts. The rest is for waiters.
 *
 * Polling steals the cache line from the holder, and a lock that changes hands moves the lines that it guards, too,
 * which takes several times as long as what is done under it. So a waiter polls rarely: after 400 ns, when one holder
 * should be done; then at intervals four times as long, in which one thread can take the lock many times over without
 * losing a line; then it sleeps on the lock's word (futex).
 */
#include "os/lock.h"

#include "os/clock.h"
#include "os/thread.h"

#include <string.h>

/* Its address identifies the thread. */
static __thread char thread_mark __attribute__((tls_model("initial-exec")));

void
lock_init(lock_t *lock, lock_rank_t rank) {
    memset(lock, 0, sizeof *lock);
    lock->rank = (uint8_t)rank;
}

uintptr_t
lock_thread(void) {
    return (uintptr_t)&thread_mark;
}

/* Takes the lock if it is free; counts nothing. */
static inline bool
take_free(lock_t *lock) {
    uint32_t expected = LOCK_FREE;
    return atomic_compare_exchange_strong_explicit(&lock->state, &expected, LOCK_HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* The caller has just taken the lock. */
static inline void
count_acquisition(lock_t *lock) {
    counter_add(&lock->nops, 1);
    if (atomic_get(&lock->owner) != (uintptr_t)&thread_mark) {
        atomic_set(&lock->owner, (uintptr_t)&thread_mark);
        counter_add(&lock->nswitches, 1);
    }
}

/* ---- waiting ---- */

/* Nanoseconds before the first poll and before the last; each interval is FACTOR times the one before. Their sum is
 * about what a sleep costs. */
#define DELAY_FIRST 400
#define DELAY_LAST  6400
#define FACTOR      4

static inline void
spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* Each turn takes a nanosecond at least, so the loop ends even if the clock stands still. */
static void
spin_until(uint64_t time, unsigned turns) {
    do {
        spin_pause();
    } while (--turns > 0 && clock_ns() < time);
}

static bool
lock_poll(lock_t *lock) {
    uint64_t time = clock_ns();
    for (unsigned delay = DELAY_FIRST; delay <= DELAY_LAST; delay *= FACTOR) {
        spin_until(time += delay, delay);
        if (atomic_get(&lock->state) == LOCK_FREE && take_free(lock)) {
            return true;
        }
    }
    return false;
}

static void
raise_to(_Atomic uint64_t *max, uint64_t value) {
    if (value > atomic_get(max)) {
        atomic_set(max, value);
    }
}

/* A woken thread cannot know whether another one still sleeps, so it takes the lock as contended. */
static void
lock_sleep(lock_t *lock) {
    uint64_t began = clock_ns();
    uint32_t nsleepers = atomic_add(&lock->nsleepers, 1) + 1;
    while (atomic_exchange_explicit(&lock->state, LOCK_CONTENDED, memory_order_acquire) != LOCK_FREE) {
        os_sleep_on(&lock->state, LOCK_CONTENDED);
    }
    atomic_sub(&lock->nsleepers, 1);
    uint64_t slept = clock_ns() - began;
    counter_add(&lock->nwaits, 1);
    counter_add(&lock->wait_ns, slept);
    raise_to(&lock->max_wait_ns, slept);
    if (nsleepers > atomic_get(&lock->max_sleepers)) {
        atomic_set(&lock->max_sleepers, nsleepers);
    }
}

static COLD void
lock_contend(lock_t *lock) {
    if (lock_poll(lock)) {
        counter_add(&lock->nspins, 1);
    } else {
        lock_sleep(lock);
    }
}

static COLD void
lock_wake(lock_t *lock) {
    os_wake_one(&lock->state);
}

/* ---- reentry during a fork ---- */

/* The forking thread's mark between lock_fork_begin and lock_fork_end, else 0. */
static _Atomic uintptr_t forking_thread;

static bool
is_forking_thread(void) {
    return atomic_get(&forking_thread) == (uintptr_t)&thread_mark;
}

/* Only the forking thread reads the fields of a lock that it holds for the fork. */
static COLD bool
lock_reenter(lock_t *lock) {
    if (!is_forking_thread() || !lock->held_for_fork) {
        return false;
    }
    lock->nreentries++;
    return true;
}

static COLD bool
lock_leave_reentered(lock_t *lock) {
    if (!is_forking_thread() || lock->nreentries == 0) {
        return false;
    }
    lock->nreentries--;
    return true;
}

/* ---- acquire and release ---- */

static inline void
acquire(lock_t *lock) {
    if (UNLIKELY(!take_free(lock)) && LIKELY(!lock_reenter(lock))) {
        lock_contend(lock);
    }
    count_acquisition(lock);
}

void
lock_acquire(lock_t *lock) {
    witness_before_acquire((lock_rank_t)lock->rank);
    acquire(lock);
    witness_acquired((lock_rank_t)lock->rank);
}

void
lock_acquire_sibling(lock_t *lock) {
    witness_before_acquire_sibling((lock_rank_t)lock->rank);
    acquire(lock);
    witness_acquired((lock_rank_t)lock->rank);
}

bool
lock_try(lock_t *lock) {
    if (!take_free(lock)) {
        return false;
    }
    count_acquisition(lock);
    witness_acquired((lock_rank_t)lock->rank);
    return true;
}

void
lock_release(lock_t *lock) {
    witness_released((lock_rank_t)lock->rank);
    if (UNLIKELY(atomic_get(&forking_thread) != 0) && lock_leave_reentered(lock)) {
        return;
    }
    if (UNLIKELY(atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) == LOCK_CONTENDED)) {
        lock_wake(lock);
    }
}

/* ---- fork ---- */

void
lock_prefork(lock_t *lock) {
    lock_acquire(lock);
    lock->held_for_fork = true;
}

void
lock_prefork_sibling(lock_t *lock) {
    lock_acquire_sibling(lock);
    lock->held_for_fork = true;
}

void
lock_fork_begin(void) {
    witness_forget();
    atomic_set(&forking_thread, (uintptr_t)&thread_mark);
}

void
lock_fork_end(void) {
    atomic_set(&forking_thread, 0);
}

/* The threads that slept on the lock do not exist in the child. */
void
lock_postfork(lock_t *lock, bool child) {
    if (!lock->held_for_fork) {
        return;
    }
    lock->held_for_fork = false;
    if (child) {
        atomic_set(&lock->nsleepers, 0);
    }
    if (atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) == LOCK_CONTENDED && !child) {
        lock_wake(lock);
    }
}

/* ---- statistics ---- */

void
lock_stats(const lock_t *lock, lock_stats_t *out) {
    *out = (lock_stats_t){.nops = atomic_get(&lock->nops),
                          .nwaits = atomic_get(&lock->nwaits),
                          .nspins = atomic_get(&lock->nspins),
                          .nswitches = atomic_get(&lock->nswitches),
                          .wait_ns = atomic_get(&lock->wait_ns),
                          .max_wait_ns = atomic_get(&lock->max_wait_ns),
                          .max_sleepers = atomic_get(&lock->max_sleepers)};
}

void
lock_stats_reset(lock_t *lock) {
    atomic_set(&lock->nops, 0);
    atomic_set(&lock->nwaits, 0);
    atomic_set(&lock->nspins, 0);
    atomic_set(&lock->nswitches, 0);
    atomic_set(&lock->wait_ns, 0);
    atomic_set(&lock->max_wait_ns, 0);
    atomic_set(&lock->max_sleepers, 0);
}

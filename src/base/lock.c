/* lock.c -- taking a lock that is free and giving it back: one atomic instruction each, and two counts. */
#include "base/lock.h"

#include "base/witness.h"

#include <string.h>

lock_role_t role_background, role_threads, role_tcaches, role_arenas, role_decay, role_bin, role_extents,
    role_descriptors, role_pagemap, role_prof, role_dump, role_metadata;

/* Its address tells threads apart. */
static __thread char mark __attribute__((tls_model("initial-exec")));

void
lock_init(lock_t *lock, lock_rank_t rank) {
    memset(lock, 0, sizeof *lock);
    lock->rank = (uint8_t)rank;
}

static inline void
count(lock_t *lock) {
    counter_add(&lock->nops, 1);
    if (atomic_get(&lock->owner) != (uintptr_t)&mark) {
        atomic_set(&lock->owner, (uintptr_t)&mark);
        counter_add(&lock->nswitches, 1);
    }
}

/* Between lock_fork_begin and lock_fork_end the forking thread's mark, else 0. */
static _Atomic uintptr_t forker;

static bool
is_forker(void) {
    return atomic_get(&forker) == (uintptr_t)&mark;
}

/* The fields of one who holds it for a fork are looked at by no other thread. */
static COLD bool
enter(lock_t *lock) {
    if (!is_forker() || !lock->forking) {
        return false;
    }
    lock->entered++;
    return true;
}

static COLD bool
leave(lock_t *lock) {
    if (!is_forker() || lock->entered == 0) {
        return false;
    }
    lock->entered--;
    return true;
}

static inline void
acquire(lock_t *lock) {
    if (UNLIKELY(!lock_take(lock)) && LIKELY(!enter(lock))) {
        lock_contend(lock);
    }
    count(lock);
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
    if (!lock_take(lock)) {
        return false;
    }
    count(lock);
    witness_acquired((lock_rank_t)lock->rank);
    return true;
}

void
lock_release(lock_t *lock) {
    witness_released((lock_rank_t)lock->rank);
    if (UNLIKELY(atomic_get(&forker) != 0) && leave(lock)) {
        return;
    }
    if (UNLIKELY(atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) == LOCK_AWAITED)) {
        lock_wake(lock);
    }
}

/* ---- fork ---- */

void
lock_prefork(lock_t *lock) {
    lock_acquire(lock);
    lock->forking = true;
}

void
lock_prefork_sibling(lock_t *lock) {
    lock_acquire_sibling(lock);
    lock->forking = true;
}

void
lock_fork_begin(void) {
    witness_forget();
    atomic_set(&forker, (uintptr_t)&mark);
}

void
lock_fork_end(void) {
    atomic_set(&forker, 0);
}

/* Who slept on it is not in the child. */
void
lock_postfork(lock_t *lock, bool child) {
    if (!lock->forking) {
        return;
    }
    lock->forking = false;
    if (child) {
        atomic_set(&lock->nsleepers, 0);
    }
    if (atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) == LOCK_AWAITED && !child) {
        lock_wake(lock);
    }
}

void
lock_stats(const lock_t *lock, lock_stats_t *out) {
    *out = (lock_stats_t){.num_ops = atomic_get(&lock->nops),
                          .num_wait = atomic_get(&lock->nwaits),
                          .num_spin_acq = atomic_get(&lock->nspins),
                          .num_owner_switch = atomic_get(&lock->nswitches),
                          .total_wait_ns = atomic_get(&lock->wait_ns),
                          .max_wait_ns = atomic_get(&lock->max_wait_ns),
                          .max_num_thds = atomic_get(&lock->max_sleepers)};
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

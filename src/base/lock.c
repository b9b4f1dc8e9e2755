/* lock.c -- pthread mutexes, spun on briefly before sleeping: critical sections here last well under a microsecond. */
#include "base/lock.h"

#include "base/witness.h"

#define SPINS 64

lock_role_t role_background, role_threads, role_arenas, role_decay, role_bin, role_extents, role_descriptors,
    role_pagemap, role_metadata;

void
lock_init(lock_t *lock, lock_rank_t rank) {
    pthread_mutex_init(&lock->mutex, NULL);
    lock->rank = rank;
}

static inline void
spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}

static COLD void
acquire_contended(lock_t *lock) {
    for (unsigned i = 0; i < SPINS; i++) {
        spin_pause();
        if (pthread_mutex_trylock(&lock->mutex) == 0) {
            return;
        }
    }
    pthread_mutex_lock(&lock->mutex);
}

static void
acquire(lock_t *lock) {
    if (UNLIKELY(pthread_mutex_trylock(&lock->mutex) != 0)) {
        acquire_contended(lock);
    }
}

void
lock_acquire(lock_t *lock) {
    witness_before_acquire(lock->rank);
    acquire(lock);
    witness_acquired(lock->rank);
}

void
lock_acquire_sibling(lock_t *lock) {
    witness_before_acquire_sibling(lock->rank);
    acquire(lock);
    witness_acquired(lock->rank);
}

bool
lock_try(lock_t *lock) {
    if (pthread_mutex_trylock(&lock->mutex) != 0) {
        return false;
    }
    witness_acquired(lock->rank);
    return true;
}

void
lock_release(lock_t *lock) {
    witness_released(lock->rank);
    pthread_mutex_unlock(&lock->mutex);
}

void
lock_reset(lock_t *lock) {
    witness_released(lock->rank);
    pthread_mutex_init(&lock->mutex, NULL);
}

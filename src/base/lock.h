/*
 * lock.h -- ranked mutexes, and the words that let clang check who holds which.
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

#include "base/config.h"

#include <pthread.h>

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
    RANK_BACKGROUND,
    RANK_ROUND,
    RANK_THREADS,
    RANK_ARENAS,
    RANK_CORE,
    RANK_DECAY = RANK_CORE,
    RANK_BIN,
    RANK_DIRTY,
    RANK_MUZZY,
    RANK_RETAINED,
    RANK_DESCRIPTORS,
    RANK_PAGEMAP,
    RANK_METADATA,
    RANK_REGIONS, /* os/pages_regions.c */
    RANK_COUNT
} lock_rank_t;

typedef struct {
    pthread_mutex_t mutex; /* Synchronization: its own. */
    lock_rank_t rank;      /* Synchronization: constant. */
} lock_t;

/* The name of a kind of lock, for the analysis only; never read. */
typedef struct CAPABILITY("mutex") {
    char unused;
} lock_role_t;

extern lock_role_t role_background, role_threads, role_arenas, role_decay, role_bin, role_extents, role_descriptors,
    role_pagemap, role_metadata;

#define LOCK_INITIALIZER(r)                                                                                            \
    { .mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (r) }

void lock_init(lock_t *lock, lock_rank_t rank);
void lock_acquire(lock_t *lock);
bool lock_try(lock_t *lock);
void lock_release(lock_t *lock);
/* Like lock_acquire, but a lock of the same rank may be held: only for taking one kind of lock of all arenas, by
 * index. */
void lock_acquire_sibling(lock_t *lock);
/* In the child of a fork: makes a lock that the forking thread held usable again. */
void lock_reset(lock_t *lock);

#endif

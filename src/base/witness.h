/*
 * witness.h -- the order of the library's locks, and what checks it. Include it to rank a lock (os/lock.h), to declare
 * which lock a field or a function needs, or to assert that no lock of the core is held.
 *
 * One enum ranks every lock, outermost first. A thread takes locks in strictly rising rank. Two checks:
 *
 *   the witness    debug builds count the locks that each thread holds, by rank, and abort at the first violation of
 *                  the order; in release builds its functions are empty
 *   annotations    clang's thread-safety analysis checks GUARDED_BY, REQUIRES and EXCLUDES at compile time
 *                  (scripts/check warnings)
 *
 * C cannot name "the lock in the same struct" in a field's annotation. So each kind of lock has a *role*: one global
 * capability that stands for all locks of that kind. Each module has a pair of functions that acquire and release its
 * lock and its role together.
 */
#ifndef LUNALLOC_BASE_WITNESS_H
#define LUNALLOC_BASE_WITNESS_H

#include "base/config.h"

/* ---- ranks ---- */

/* Outermost first. Ranks from RANK_CORE on belong to the allocator's core: none may be held on entry to malloc or
 * free. */
typedef enum {
    RANK_NONE,
    RANK_BOOT,
    RANK_REPORT,
    RANK_DUMP,
    RANK_BACKGROUND,
    RANK_ROUND,
    RANK_THREADS,
    RANK_TCACHES,
    RANK_RECORD,
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
    RANK_HISTORY,
    RANK_METADATA,
    RANK_REGIONS, /* os/pages_regions.c */
    RANK_COUNT
} lock_rank_t;

/* ---- annotations ---- */

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

/* A kind of lock, for the analysis only; never read. */
typedef struct CAPABILITY("mutex") {
    char unused;
} lock_role_t;

extern lock_role_t role_background, role_threads, role_tcaches, role_record, role_arenas, role_decay, role_bin,
    role_extents, role_descriptors, role_pagemap, role_prof, role_history, role_dump, role_metadata;

/* ---- the witness ---- */

#if LUNALLOC_DEBUG
/* Called by os/lock.c. Before an acquisition: aborts unless only locks of lower rank are held; for a sibling, locks of
 * the same rank may be held, too. */
void witness_before_acquire(lock_rank_t rank);
void witness_before_acquire_sibling(lock_rank_t rank);
void witness_acquired(lock_rank_t rank);
void witness_released(lock_rank_t rank);
/* The calling thread holds every lock for a fork; from now on it counts as holding none. */
void witness_forget(void);
/* Aborts, naming the function, if the calling thread holds a lock of the core. */
void witness_entry(const char *function);
/* Stands at the entry of every allocation and deallocation function (scripts/check-entries). */
#define witness_no_core_lock() witness_entry(__func__)
/* How many locks of this rank the calling thread holds. */
unsigned witness_depth(lock_rank_t rank);
#else
static inline void
witness_before_acquire(lock_rank_t rank) {
    (void)rank;
}
static inline void
witness_before_acquire_sibling(lock_rank_t rank) {
    (void)rank;
}
static inline void
witness_acquired(lock_rank_t rank) {
    (void)rank;
}
static inline void
witness_released(lock_rank_t rank) {
    (void)rank;
}
static inline void
witness_forget(void) {
}
static inline void
witness_no_core_lock(void) {
}
#endif

#endif

/*
 * witness.h -- debug builds remember which ranks the calling thread holds, and stop at the first violation of the
 * order. In release builds every function here is empty.
 */
#ifndef LUNALLOC_BASE_WITNESS_H
#define LUNALLOC_BASE_WITNESS_H

#include "base/lock.h"

#if LUNALLOC_DEBUG
void witness_before_acquire(lock_rank_t rank);
void witness_before_acquire_sibling(lock_rank_t rank);
void witness_acquired(lock_rank_t rank);
void witness_released(lock_rank_t rank);
/* The calling thread holds every lock for a fork, and begins anew. */
void witness_forget(void);
/* Stops, naming the function, unless the calling thread holds no lock of the core. */
void witness_entry(const char *function);
/* Stands at the entry of every allocation and deallocation (scripts/check-entries). */
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

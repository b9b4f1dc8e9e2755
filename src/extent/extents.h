/*
 * extents.h -- a collection: all free extents of one arena in one state.
 *
 * Best fit by size: a heap per page class, ordered by (sn, addr), and a bitmap of the non-empty ones; the first fit
 * among equals is the lowest (sn, addr). An LRU list for purging. Page accounting: npages is the one source of
 * ndirty, nmuzzy, nretained.
 *
 * Invariants (extents_check asserts them)
 *   npages = sum of extent_npages over the members;  count = number of members
 *   each member: owner = (arena, state), linked in lru, in heaps[sc_page_class_floor(npages)]
 *   bit i of nonempty  <=>  heaps[i] has a member
 *   stamps rise along lru
 *   lru and the heaps hold the same extents
 */
#ifndef LUNALLOC_EXTENT_EXTENTS_H
#define LUNALLOC_EXTENT_EXTENTS_H

#include "base/bitmap.h"
#include "base/lock.h"
#include "extent/extent.h"

typedef struct {
    lock_t lock;                         /* Synchronization: itself. */
    uint32_t arena;                      /* Synchronization: constant. */
    extent_state_t state;                /* Synchronization: constant. */
    list_t lru GUARDED_BY(role_extents); /* first: purged next */
    uint64_t next_stamp GUARDED_BY(role_extents);
    uint64_t nonempty[BITMAP_WORDS(SC_NPAGE_CLASSES)] GUARDED_BY(role_extents);
    heap_t heaps[SC_NPAGE_CLASSES] GUARDED_BY(role_extents);
    _Atomic size_t npages; /* Synchronization: written under the lock, read at any time. */
    _Atomic size_t count;  /* Synchronization: written under the lock, read at any time. */
} extents_t;

void extents_init(extents_t *x, uint32_t arena, extent_state_t state, lock_rank_t rank);

static inline void
extents_lock(extents_t *x) ACQUIRE(role_extents) NO_THREAD_SAFETY {
    lock_acquire(&x->lock);
}

static inline void
extents_unlock(extents_t *x) RELEASE(role_extents) NO_THREAD_SAFETY {
    lock_release(&x->lock);
}

/* e, busy, becomes a member, last in the LRU order; szind and slab are cleared. */
void extents_insert(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The same, but first in the LRU order: what is left of the oldest member. */
void extents_insert_oldest(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* A member leaves and becomes busy. */
void extents_remove(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The best fit for size bytes at an alignment (multiples of the page); NULL if there is none. It stays a member. */
extent_t *extents_fit(extents_t *x, size_t size, size_t alignment) REQUIRES(role_extents);
/* The member that was inserted first, or NULL. */
extent_t *extents_oldest(extents_t *x) REQUIRES(role_extents);
/* The descriptor whose extent ends (or starts) at addr, if it is a member; else NULL. */
extent_t *extents_member_ending(extents_t *x, uintptr_t addr) REQUIRES(role_extents);
extent_t *extents_member_starting(extents_t *x, uintptr_t addr) REQUIRES(role_extents);

/* What some way of counting extents found. Two ways that meet the same extents agree in all three. */
typedef struct {
    size_t count;
    size_t npages;
    uint64_t places; /* a sum over the addresses, each of them mixed */
} extents_tally_t;

void extents_count(extents_tally_t *tally, const extent_t *e) REQUIRES(role_extents);
/* Stops at the first broken invariant; what the members are. Debug builds. */
extents_tally_t extents_check(extents_t *x) REQUIRES(role_extents);
void extents_check_same(const extents_tally_t *a, const extents_tally_t *b);

#endif

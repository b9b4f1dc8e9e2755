/*
 * extents.h -- a collection: all free extents of one arena in one state.
 *
 * Best fit by size: a heap per page class, ordered by (sn, addr), and a bitmap of the non-empty ones; the first fit
 * among equals is the lowest (sn, addr). An LRU list for purging. Page accounting: npages is the one source of
 * ndirty, nmuzzy, nretained.
 *
 * Any page may be purged, unless the collection has a *unit*, a power of two in bytes: then it is the whole units,
 * blocks of that size and alignment, that members hold. Members that hold none are on a list of their own: finding the
 * oldest one that may be purged never walks over those that may not.
 *
 * Invariants (extents_check asserts them)
 *   npages = sum of extent_npages over the members;  count = number of members
 *   nwhole = sum of extents_whole over the members, if there is a unit
 *   each member: owner = (arena, state), in heaps[sc_page_class_floor(npages)], linked in lru if extents_whole > 0, and
 *   else in partial
 *   bit i of nonempty  <=>  heaps[i] has a member
 *   stamps rise along lru, and along partial
 *   lru and partial hold the same extents as the heaps
 *   nspare = number of descriptors in spare <= EXTENTS_SPARE
 */
#ifndef LUNALLOC_EXTENT_EXTENTS_H
#define LUNALLOC_EXTENT_EXTENTS_H

#include "base/bits.h"
#include "os/lock.h"
#include "extent/extent.h"

/* Descriptors that cutting and joining here keep at hand, so that the supply of all arenas is seldom asked. */
#define EXTENTS_SPARE (config_torture ? 1U : 16U)

typedef struct {
    lock_t lock;                         /* Synchronization: itself. */
    uint32_t arena;                      /* Synchronization: constant. */
    extent_state_t state;                /* Synchronization: constant. */
    list_t lru GUARDED_BY(role_extents); /* first: purged next */
    list_t partial GUARDED_BY(role_extents);
    uint64_t next_stamp GUARDED_BY(role_extents);
    uint64_t nonempty[BITMAP_WORDS(SC_NPAGE_CLASSES)] GUARDED_BY(role_extents);
    heap_t heaps[SC_NPAGE_CLASSES] GUARDED_BY(role_extents);
    list_t spare GUARDED_BY(role_extents); /* descriptors for the next cuts, the last one that came in front */
    uint32_t nspare GUARDED_BY(role_extents);
    _Atomic size_t npages; /* Synchronization: written under the lock, read at any time. */
    _Atomic size_t count;  /* Synchronization: written under the lock, read at any time. */
    _Atomic size_t unit;   /* Synchronization: as npages; bytes; 0: there is none. */
    _Atomic size_t nwhole; /* Synchronization: as npages; kept while there is a unit. */
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

/* Pages of e that may be purged, if e is a member of x or was one. */
static inline size_t
extents_whole(const extents_t *x, const extent_t *e) {
    size_t unit = atomic_get(&x->unit);
    if (LIKELY(unit == 0)) {
        return extent_npages(e);
    }
    uintptr_t from = align_up(e->addr, unit);
    uintptr_t to = align_down(extent_end(e), unit);
    return from < to ? (to - from) >> sc.config.lg_page : 0;
}

/* Pages of all members that may be purged. */
static inline size_t
extents_purgeable(const extents_t *x) {
    return LIKELY(atomic_get(&x->unit) == 0) ? atomic_get(&x->npages) : atomic_get(&x->nwhole);
}

/* e, busy, becomes a member, last in the LRU order; szind and slab are cleared. */
void extents_insert(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The same, but first in the LRU order: what is left of the oldest member. */
void extents_insert_oldest(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* A member leaves and becomes busy. */
void extents_remove(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The best fit for size bytes at an alignment (multiples of the page); NULL if there is none. It stays a member. */
extent_t *extents_fit(extents_t *x, size_t size, size_t alignment) REQUIRES(role_extents);
/* The member that was inserted first, of those that hold whole units or of those that do not; NULL if there is none. */
extent_t *extents_oldest(extents_t *x) REQUIRES(role_extents);
extent_t *extents_oldest_partial(extents_t *x) REQUIRES(role_extents);
/* How many times a member has come since e did, which counts. */
static inline uint64_t
extents_age(const extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    return x->next_stamp - e->lru_stamp;
}

/* Changes the unit; the members keep their order. */
void extents_set_unit(extents_t *x, size_t unit) REQUIRES(role_extents);
/* The descriptor whose extent ends (or starts) at addr, if it is a member; else NULL. */
extent_t *extents_member_ending(extents_t *x, uintptr_t addr) REQUIRES(role_extents);
extent_t *extents_member_starting(extents_t *x, uintptr_t addr) REQUIRES(role_extents);

/* A descriptor (extent_new's contract), and its way back: the collection's spare ones first. */
extent_t *extents_new_descriptor(extents_t *x) REQUIRES(role_extents);
void extents_delete_descriptor(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* Gives the spare ones back. */
void extents_drop_spare(extents_t *x) EXCLUDES(role_extents);

/* Has it members of this page class? */
static inline bool
extents_has_class(const extents_t *x, uint32_t class) REQUIRES(role_extents) {
    return bitmap_has(x->nonempty, class);
}

/* Members of one page class, and their pages. */
void extents_of_class(extents_t *x, uint32_t class, size_t *count, size_t *npages) REQUIRES(role_extents);

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

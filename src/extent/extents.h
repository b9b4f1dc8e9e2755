/*
 * extents.h -- a collection: all free extents of one arena in one state.
 *
 * Use it to find free pages by size (best fit), by age (LRU order, for purging) or by address (neighbours, for
 * merging), and to count them: npages is the one source of ndirty, nmuzzy, nretained.
 *
 * Best fit: a heap per page class, ordered by (sn, addr), and a bitmap of the heaps that are not empty. Among members
 * of one class the lowest (sn, addr) is taken. Neighbours are found by the page map.
 *
 * Statistics read the members of a page class while allocations wait for the lock. So members of the classes that may
 * have many are counted as they come and go. Those of the other classes are too large to be many: they are counted one
 * by one when somebody asks, which keeps a collection small.
 *
 * Purgeable are all pages, unless the arena is hugepage-aware (hugepage.h). Then the collection has a hugepage size, a
 * power of two, and the whole huge pages that members contain are purgeable. Members without a whole one are on a list
 * of their own, `partial`, so that finding the oldest purgeable member never walks over others.
 *
 * Synchronization: the lock guards everything but the counters. A function that REQUIRES role_extents needs this
 * collection's lock.
 *
 * Invariants (extents_check asserts them)
 *   npages = sum of extent_npages over the members;  count = number of members
 *   class_npages[i], class_count[i] = the same over the members in heaps[i], for i < EXTENTS_COUNTED
 *   nwhole = sum of extents_whole over the members, if there is a hugepage size
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

/* Descriptors that a collection keeps for its next cuts, so that the lock of the common supply is seldom taken. */
#define EXTENTS_SPARE (config_torture ? 1U : 16U)

/* The page classes below this one have counters. Where a page is 4 KiB, they hold all extents below 160 MiB. */
#define EXTENTS_COUNTED 56

typedef struct {
    lock_t lock;                         /* Synchronization: itself. */
    uint32_t arena;                      /* Synchronization: constant. */
    extent_state_t state;                /* Synchronization: constant. */
    list_t lru GUARDED_BY(role_extents); /* oldest first, which is purged next */
    list_t partial GUARDED_BY(role_extents);
    uint64_t next_stamp GUARDED_BY(role_extents);
    uint64_t nonempty[BITMAP_WORDS(SC_NPAGE_CLASSES)] GUARDED_BY(role_extents);
    heap_t heaps[SC_NPAGE_CLASSES] GUARDED_BY(role_extents);
    uint64_t class_npages[EXTENTS_COUNTED] GUARDED_BY(role_extents); /* of the members of each class */
    uint32_t class_count[EXTENTS_COUNTED] GUARDED_BY(role_extents);
    list_t spare GUARDED_BY(role_extents); /* descriptors for the next cuts; the latest one is first */
    uint32_t nspare GUARDED_BY(role_extents);
    _Atomic size_t npages;   /* Synchronization: written under the lock, read at any time. */
    _Atomic size_t count;    /* Synchronization: written under the lock, read at any time. */
    _Atomic size_t hugepage; /* Synchronization: as npages; bytes; 0: not hugepage-aware. */
    _Atomic size_t nwhole;   /* Synchronization: as npages; pages; kept while there is a hugepage size. */
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

/* The hugepage size in pages. */
static inline size_t
extents_hugepage_pages(const extents_t *x) {
    return atomic_get(&x->hugepage) >> sc.config.lg_page;
}

/* Purgeable pages of e, which is or was a member of x: those of whole huge pages. */
static inline size_t
extents_whole(const extents_t *x, const extent_t *e) {
    size_t hugepage = atomic_get(&x->hugepage);
    if (LIKELY(hugepage == 0)) {
        return extent_npages(e);
    }
    uintptr_t from = align_up(e->addr, hugepage);
    uintptr_t to = align_down(extent_end(e), hugepage);
    return from < to ? (to - from) >> sc.config.lg_page : 0;
}

/* Purgeable pages of all members. */
static inline size_t
extents_purgeable(const extents_t *x) {
    return LIKELY(atomic_get(&x->hugepage) == 0) ? atomic_get(&x->npages) : atomic_get(&x->nwhole);
}

/* e, busy, becomes a member, the youngest one. Its szind and slab are cleared. */
void extents_insert(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The same as the oldest one: for the rest of a member that was the oldest. */
void extents_insert_oldest(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* A member leaves and becomes busy. */
void extents_remove(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* The best fit for size bytes at an alignment (multiples of the page); NULL if there is none. It stays a member. */
extent_t *extents_fit(extents_t *x, size_t size, size_t alignment) REQUIRES(role_extents);
/* The same for an allocation: not a dirty extent more than 2^options.lg_extent_max_active_fit times as large, which
 * would be cut up for it. */
extent_t *extents_fit_active(extents_t *x, size_t size, size_t alignment) REQUIRES(role_extents);
/* The oldest member with purgeable pages, or the oldest one without; NULL if there is none. */
extent_t *extents_oldest(extents_t *x) REQUIRES(role_extents);
extent_t *extents_oldest_partial(extents_t *x) REQUIRES(role_extents);
/* How many members have entered since e did, and e itself. */
static inline uint64_t
extents_age(const extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    return x->next_stamp - e->lru_stamp;
}

/* Changes the hugepage size. The members keep their order. */
void extents_set_hugepage(extents_t *x, size_t hugepage) REQUIRES(role_extents);
/* The member that ends (or starts) at addr; NULL if there is none. */
extent_t *extents_member_ending(extents_t *x, uintptr_t addr) REQUIRES(role_extents);
extent_t *extents_member_starting(extents_t *x, uintptr_t addr) REQUIRES(role_extents);

/* Does it have members of this page class? */
static inline bool
extents_has_class(const extents_t *x, uint32_t class) REQUIRES(role_extents) {
    return bitmap_has(x->nonempty, class);
}

/* The number of members of one page class, and of their pages. O(1) for classes below EXTENTS_COUNTED. */
void extents_of_class(extents_t *x, uint32_t class, size_t *count, size_t *npages) REQUIRES(role_extents);

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/* Allocates and frees descriptors. Takes RANK_DESCRIPTORS. A new one has undefined fields, but for link. NULL: out of
 * memory. */
extent_t *extent_new(void);
void extent_delete(extent_t *e);

/* The lock, for its counters. */
lock_t *extent_mutex(void);

void extent_prefork(void);
void extent_postfork(bool child);

/* The same from the spare descriptors of a collection, if it has any. */
extent_t *extents_new_descriptor(extents_t *x) REQUIRES(role_extents);
void extents_delete_descriptor(extents_t *x, extent_t *e) REQUIRES(role_extents);
/* Frees the spare descriptors. */
void extents_drop_spare(extents_t *x) EXCLUDES(role_extents);

#endif

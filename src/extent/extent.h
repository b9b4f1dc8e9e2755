/*
 * extent.h -- the central type, and the vocabulary of the page layer.
 *
 *   page        the system's page (sc.page bytes)
 *   region      what one call to the system's mapping returned; given back whole; never merged with another. Where
 *               pages in the middle were lost (os/pages.h, pages_move), the two sides are regions of one sn. (Inside
 *               a slab, "region" also means one object's place; the context tells, and code says `reg` there.)
 *   extent      a run of pages within one region, with a descriptor outside of the run: the unit of everything here
 *   slab        an active extent cut into equal regions of one small size class
 *   large       an active extent that is one allocation
 *   collection  an extents_t: all free extents of one arena in one state
 *
 * States
 *   active      holds live allocations, or is a slab; belongs to the layer above
 *   dirty       free, pages resident
 *   muzzy       free, pages given back lazily
 *   retained    free, only the address range is kept
 *   busy        in transit: taken from one place and not yet put into the next
 *
 * Protocol. A descriptor in state s in {dirty, muzzy, retained} of arena a belongs to collection (a, s), and enters or
 * leaves that state only with that collection's lock held. A thread that holds the lock and reads owner = (a, s)
 * therefore knows that the extent is in the collection and stays there: neighbours are examined without any lock of
 * their own. An active or busy extent belongs to the thread that has it; nobody else touches it.
 *
 * Layout rule. addr, size, state, szind, slab, committed, zeroed, and the page map's boundary entries of a registered
 * extent are written only with *some* collection lock of its arena held. Who holds all three sees a still picture
 * (observe/walk.c).
 *
 * Invariants
 *   size > 0, addr and size multiples of the page
 *   szind != SC_NONE  <=>  state == active
 *   not committed  =>  state == retained (or busy)
 *   slab  =>  state == active, nregs = extent_usable / sc.size[szind], nfree = number of bits set in free_regs
 *   is_head  <=>  addr is the start of its region;  sn is equal within a region and differs between regions, but for
 *   the sides of a loss
 */
#ifndef LUNALLOC_EXTENT_EXTENT_H
#define LUNALLOC_EXTENT_EXTENT_H

#include "base/atomic.h"
#include "base/heap.h"
#include "base/list.h"
#include "os/lock.h"
#include "base/sc.h"

typedef enum {
    extent_active,
    extent_dirty,
    extent_muzzy,
    extent_retained,
    extent_busy
} extent_state_t;

typedef struct extent {
    uintptr_t addr;                       /* Synchronization: layout rule. */
    size_t size;                          /* Synchronization: layout rule; bytes. */
    _Atomic uint32_t owner;               /* Synchronization: atomic; arena << 4 | state, by the protocol above. */
    uint32_t szind;                       /* Synchronization: layout rule; SC_NONE without live allocations. */
    bool slab;                            /* Synchronization: layout rule. */
    bool is_head;                         /* Synchronization: layout rule. */
    bool committed;                       /* Synchronization: layout rule. */
    bool guarded;                         /* Synchronization: layout rule; active, and its last page is a guard. */
    bool zeroed;                          /* Synchronization: layout rule; known to read as zeros. */
    uint32_t nregs;                       /* Synchronization: set before the slab is published, then constant. */
    _Atomic uint32_t nfree;               /* Synchronization: written under the bin's lock, read while `bin` is set. */
    uint32_t bucket GUARDED_BY(role_bin); /* which occupancy list of the bin it is on */
    uint32_t limit GUARDED_BY(role_bin);  /* it moves when nfree reaches this (arena/bin.h) */
    struct bin *_Atomic bin; /* Synchronization: written under its lock, read at any time; NULL: none counts it. */
    uint64_t sn;             /* Synchronization: constant while registered. */
    void
        *sample; /* Synchronization: who owns the allocation; the profiler's record of it (arena/sample.h), or NULL. Set
                     in every active extent that is no slab. */
    uint64_t lru_stamp GUARDED_BY(role_extents); /* order of entry into the collection */
    heap_node_t fit GUARDED_BY(role_extents);    /* in the collection's heap */
    list_t link; /* Synchronization: the collection's lock (LRU, spare), the bin's lock (occupancy), or the
                    descriptors' (supply). */
    uint64_t free_regs[] GUARDED_BY(role_bin); /* bit i set <=> region i of the slab is free */
} extent_t;

static inline uint32_t
extent_owner(uint32_t arena, extent_state_t state) {
    return arena << 4 | (uint32_t)state;
}

static inline extent_state_t
extent_state(const extent_t *e) {
    return (extent_state_t)(atomic_get(&e->owner) & 15);
}

static inline uint32_t
extent_arena(const extent_t *e) {
    return atomic_get(&e->owner) >> 4;
}

static inline void
extent_set_state(extent_t *e, extent_state_t state) {
    atomic_set(&e->owner, extent_owner(extent_arena(e), state));
}

static inline uintptr_t
extent_end(const extent_t *e) {
    return e->addr + e->size;
}

/* Bytes before a guard. */
static inline size_t
extent_usable(const extent_t *e) {
    return e->size - (e->guarded ? sc.page : 0);
}

static inline size_t
extent_npages(const extent_t *e) {
    return e->size >> sc.config.lg_page;
}

/* Descriptors, recycled. Takes RANK_DESCRIPTORS. extent_new: fields are undefined except link; NULL without memory. */
extent_t *extent_new(void);
void extent_delete(extent_t *e);

/* For its figures. */
lock_t *extent_mutex(void);

void extent_prefork(void);
void extent_postfork(bool child);

#endif

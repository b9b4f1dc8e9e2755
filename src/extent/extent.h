/*
 * extent.h -- the central type, and the vocabulary of the page layer. Read it first.
 *
 *   page        the system's page (sc.page bytes)
 *   region      the memory that one call of the system's mapping, or of an alloc hook, returned. It is given back whole
 *               and never merged with another. Where pages in its middle were lost (os/pages.h, pages_move), the two
 *               sides are regions of one sn. (In a slab, "region" also means the place of one object; code says `reg`
 *               there.)
 *   extent      a run of pages within one region, with a descriptor outside of the run
 *   slab        an active extent cut into equal regions of one small size class
 *   large       an active extent that is one allocation
 *   collection  an extents_t: all free extents of one arena in one state
 *   head        the first extent of a region
 *
 * States
 *   active      holds live allocations, or is a slab; belongs to the layer above
 *   dirty       free, pages resident
 *   muzzy       free, pages given back lazily
 *   retained    free, only the address range is kept
 *   busy        in transit: taken from one place and not yet in the next; belongs to the thread that took it
 *
 * Protocol. An extent in state s in {dirty, muzzy, retained} of arena a is a member of collection (a, s). It enters and
 * leaves that state only while the collection's lock is held. So a thread that holds the lock and reads owner = (a, s)
 * knows that the extent is a member and stays one: extents need no lock of their own. An active or busy extent belongs
 * to the thread that has it; no other thread writes to its descriptor.
 *
 * Layout rule. addr, size, state, szind, slab, committed, zeroed, and the page map's boundary entries of a registered
 * extent are written only while *some* collection lock of its arena is held. A thread that holds all three sees a still
 * picture (observe/walk.c).
 *
 * Invariants
 *   size > 0, addr and size multiples of the page
 *   szind != SC_NONE  <=>  state == active
 *   not committed  =>  state == retained (or busy)
 *   slab  =>  state == active, nregs = extent_usable / sc.size[szind], nfree = number of bits set in free_regs
 *   a page of `discarded`, `idle` or `held` has no live region
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

/* Sets of pages of a slab that have no live region, and are still resident (arena/slab_pages.h). */
typedef struct {
    /* Synchronization: the bin's lock: these fields. */
    uint64_t idle;       /* pages that age together */
    uint64_t idle_since; /* ns; when a pass first found them */
    uint64_t held;       /* pages that are being given back: a thread has taken their regions */
} slab_ageing_t;

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
    uint8_t seen GUARDED_BY(role_bin);    /* of a slab: the last pass that looked at it (arena/slab_decay.h) */
    _Atomic uint16_t taker;               /* Synchronization: written under the bin's lock, read at any time; of a slab:
                                             the thread that last took a region, by lock_thread's lowest bits. */
    uint32_t nregs;                       /* Synchronization: set before the slab is published, then constant. */
    _Atomic uint32_t nfree;               /* Synchronization: written under the bin's lock, read while `bin` is set. */
    uint32_t bucket GUARDED_BY(role_bin); /* which occupancy list of the bin it is on */
    uint32_t limit GUARDED_BY(role_bin);  /* it moves when nfree reaches this (arena/bin.h) */
    struct bin *_Atomic bin; /* Synchronization: written under its lock, read at any time; NULL: in no bin. */
    uint64_t sn;             /* Synchronization: constant while registered. */
    union {
        void *sample; /* Synchronization: the owner of the allocation; the profiler's record of it, or NULL
                         (arena/sample.h). Set in every active extent that is not a slab. In a kept one, the next
                         (arena/sampled.c). */
        _Atomic uint64_t discarded; /* Synchronization: written under the bin's lock, read while `bin` is set; of a
                                       slab: a set of its pages (arena/slab_pages.h). */
    };                              /* Synchronization: each member's own. */
    uint64_t lru_stamp GUARDED_BY(role_extents); /* order of entry into the collection */
    union {
        heap_node_t fit GUARDED_BY(role_extents);  /* of a free extent: in the collection's heap */
        slab_ageing_t ageing GUARDED_BY(role_bin); /* of a slab */
    };                                             /* Synchronization: each member's own. */
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

/* Bytes before the guard page, or all. */
static inline size_t
extent_usable(const extent_t *e) {
    return e->size - (e->guarded ? sc.page : 0);
}

static inline size_t
extent_npages(const extent_t *e) {
    return e->size >> sc.config.lg_page;
}

/* Makes an extent busy and takes its class: it is on its way to a collection. */
static inline void
extent_set_busy(extent_t *e) {
    e->szind = SC_NONE;
    e->slab = false;
    extent_set_state(e, extent_busy);
}

#endif

/*
 * bin.h -- slabs of one small class in one arena: all of them, or a shard's (arena/shards.h).
 *
 * Regions come from the current slab, then from the fullest slab that has a free one (so that sparse slabs drain and go
 * back to the page layer), then from a new slab. Non-full slabs other than the current one sit in occupancy buckets.
 *
 * Invariants (bin_check, under the lock)
 *   a slab is in bucket b  <=>  it is not current and nfree > 0, b = bucket_of(nfree, nregs)
 *   a slab's limit = the nfree that takes it out of bucket b: the least of bucket b + 1, or nregs; LIMIT_CURRENT or
 *   LIMIT_FULL in no bucket
 *   bit b of buckets  <=>  nonfull[b] is not empty;  a list that was never used is all zeros
 *   a full slab is on no list;  one that becomes empty leaves the bin at once, unless it is the current one
 *   curregs = nmalloc - ndalloc = sum of (nregs - nfree) over the slabs;  nslabs = their number (arena_check)
 *   a slab's bin is the one that counts it, NULL if there is none
 */
#ifndef LUNALLOC_ARENA_BIN_H
#define LUNALLOC_ARENA_BIN_H

#include "arena/slab.h"
#include "os/lock.h"

#define BIN_BUCKETS 8
/* In no bucket: the current slab never moves, a full one with its first free region. */
#define LIMIT_CURRENT UINT32_MAX
#define LIMIT_FULL    0

typedef struct bin {
    lock_t lock; /* Synchronization: itself. */
    extent_t *current GUARDED_BY(role_bin);
    uint32_t buckets GUARDED_BY(role_bin);
    list_t nonfull[BIN_BUCKETS] GUARDED_BY(role_bin); /* by share of free regions: 0 is the fullest */
    _Atomic uint64_t nmalloc;                         /* Synchronization: written under the lock, read at any time. */
    _Atomic uint64_t ndalloc;                         /* Synchronization: as nmalloc. */
    _Atomic uint64_t nfills;                          /* Synchronization: as nmalloc. */
    _Atomic uint64_t nflushes;                        /* Synchronization: as nmalloc. */
    _Atomic uint64_t nslabs;                          /* Synchronization: as nmalloc; present. */
    _Atomic uint64_t nslabs_made;                     /* Synchronization: as nmalloc; cumulative. */
    _Atomic uint64_t nreslabs;                        /* Synchronization: as nmalloc; changes of the current slab. */
    _Atomic uint64_t nnonfull;                        /* Synchronization: as nmalloc. */
    struct shards *_Atomic others; /* Synchronization: as nmalloc; the shards of which this is the first, or NULL. */
} __attribute__((aligned(CACHELINE))) bin_t;

/* The bin is zeroed. */
void bin_init(bin_t *bin);

static inline void
bin_lock(bin_t *bin) ACQUIRE(role_bin) NO_THREAD_SAFETY {
    lock_acquire(&bin->lock);
}

static inline void
bin_unlock(bin_t *bin) RELEASE(role_bin) NO_THREAD_SAFETY {
    lock_release(&bin->lock);
}

/* Up to n regions from the slabs that are there; returns how many. */
uint32_t bin_pop(bin_t *bin, uint32_t n, void **out) REQUIRES(role_bin);
/* Adds a slab with all regions free. */
void bin_add_slab(bin_t *bin, extent_t *slab) REQUIRES(role_bin);
/* Moves a slab whose limit has been reached to the bucket that it belongs to; or, if it is empty, to `emptied`. */
void bin_rebucket(bin_t *bin, extent_t *slab, list_t *emptied) REQUIRES(role_bin);
/* No slab is the current one afterwards. */
void bin_retire(bin_t *bin) REQUIRES(role_bin);
/* A slab without live regions, which leaves the bin; NULL if there is none. Retires the current one. */
extent_t *bin_take_empty(bin_t *bin) REQUIRES(role_bin);
/* Takes a slab away, whatever is in use of it: that counts as given back. */
void bin_forget(bin_t *bin, extent_t *slab) REQUIRES(role_bin);
/* Takes back the first of n pointers, which points into the slab, and perhaps some that follow; returns how many,
 * which the caller adds to ndalloc. A slab that this makes empty leaves the bin and is appended to `emptied`, unless it
 * is the current one. */
static inline uint32_t
bin_push(bin_t *bin, extent_t *slab, void *const *ptrs, size_t n, list_t *emptied) REQUIRES(role_bin) {
    uint32_t pushed = 1;
    if (n > 1 && slab_are_neighbours(slab, ptrs[0], ptrs[1])) {
        pushed = slab_push_run(slab, ptrs, (uint32_t)n);
    } else {
        slab_push(slab, ptrs[0]);
    }
    if (UNLIKELY(atomic_get(&slab->nfree) >= slab->limit)) {
        bin_rebucket(bin, slab, emptied);
    }
    return pushed;
}

/* Stops at the first broken invariant that the bin alone can show. Debug builds. */
void bin_check(bin_t *bin) REQUIRES(role_bin);
/* The same for one of its slabs, also a full one. */
void bin_check_slab(const bin_t *bin, const extent_t *slab) REQUIRES(role_bin);

#endif

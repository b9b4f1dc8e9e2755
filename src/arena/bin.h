/*
 * bin.h -- the slabs of one small class in one arena, in one bin or in several bin shards.
 *
 * Use a bin to take free regions of a class (bin_pop) and to give them back (bin_push), with its lock held; small.c and
 * free.c do so for whole arenas. Regions are taken from the current slab, then from the fullest slab that has a free
 * one, then from a new slab: so sparse slabs drain and return to the page layer. Non-full slabs other than the current
 * one are kept in occupancy buckets. Slabs with discarded pages (slab_pages.h) are in a bucket of their own, which is
 * used last.
 *
 * A class can have several bins in an arena, its *bin shards*: see below, "bin shards".
 *
 * Invariants (bin_check, under the lock)
 *   a slab is in bucket b  <=>  it is neither current nor held, and nfree > 0; b = bucket_of(nfree, nregs), or
 *   BIN_DISCARDED if it has discarded pages
 *   a slab's limit = the nfree that takes it out of bucket b: the least of bucket b + 1, or nregs; LIMIT_CURRENT or
 *   LIMIT_FULL if it is in no bucket
 *   a slab is held  <=>  pages of it are being given back: their regions are neither free nor out; limit LIMIT_CURRENT
 *   bit b of buckets  <=>  nonfull[b] is not empty;  a list that was never used is all zeros
 *   a full slab is on no list;  a slab that becomes empty leaves the bin at once, unless it is the current one
 *   nregs_out = regs_taken - regs_returned = sum of (nregs - nfree - regions held) over the slabs; nslabs = their
 *   number (arena_check)
 *   discarded = bytes of the slabs' discarded pages (arena_check)
 *   slab->bin = the bin that counts the slab, NULL if none does
 */
#ifndef LUNALLOC_ARENA_BIN_H
#define LUNALLOC_ARENA_BIN_H

#include "arena/slab.h"
#include "os/lock.h"

#define BIN_BUCKETS 8
/* The bucket of slabs with discarded pages, behind the others. */
#define BIN_DISCARDED BIN_BUCKETS
/* Limits of slabs in no bucket: a current or held slab never moves, a full one moves with its first free region. */
#define LIMIT_CURRENT UINT32_MAX
#define LIMIT_FULL    0

typedef struct bin {
    lock_t lock; /* Synchronization: itself. */
    extent_t *current GUARDED_BY(role_bin);
    uint32_t buckets GUARDED_BY(role_bin);
    struct shards
        *_Atomic others; /* Synchronization: as regs_taken; of a first shard: the others, NULL if none is made. */
    _Atomic uint64_t regs_taken;    /* Synchronization: written under the lock, read at any time. */
    _Atomic uint64_t regs_returned; /* Synchronization: as regs_taken. */
    _Atomic uint64_t fills;         /* Synchronization: as regs_taken. */
    _Atomic uint64_t flushes;       /* Synchronization: as regs_taken. */
    _Atomic uint64_t nslabs;        /* Synchronization: as regs_taken; present. */
    _Atomic uint64_t nslabs_made;   /* Synchronization: as regs_taken; cumulative. */
    _Atomic uint64_t slab_changes;  /* Synchronization: as regs_taken; changes of the current slab. */
    _Atomic uint64_t nnonfull;      /* Synchronization: as regs_taken. */
    _Atomic uint64_t discarded;     /* Synchronization: as regs_taken; bytes. */
    list_t nonfull[BIN_BUCKETS + 1] GUARDED_BY(role_bin); /* by share of free regions: 0 is the fullest */
} __attribute__((aligned(CACHELINE))) bin_t;

/* ---- one bin: bin.c ---- */

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

/* The last 16 bits of the number of a thread's page, by which a slab remembers who took from it: threads that live at
 * the same time rarely share them. */
static inline uint16_t
bin_taker(uintptr_t thread) {
    return (uint16_t)(thread >> 12);
}

/* Takes up to n regions from the slabs that the bin has; returns how many. */
uint32_t bin_pop(bin_t *bin, uint32_t n, void **out) REQUIRES(role_bin);
/* Adds a slab with all regions free. */
void bin_add_slab(bin_t *bin, extent_t *slab) REQUIRES(role_bin);
/* Moves a slab that reached its limit to the bucket for its nfree; an empty slab leaves the bin for `emptied`. */
void bin_rebucket(bin_t *bin, extent_t *slab, list_t *emptied) REQUIRES(role_bin);
/* Leaves the bin without a current slab. */
void bin_retire(bin_t *bin) REQUIRES(role_bin);
/* Retires the current slab, and takes an empty slab out of the bin; NULL if there is none. */
extent_t *bin_take_empty(bin_t *bin) REQUIRES(role_bin);
/* For slab_decay.h: moves the last slab of a bucket to its front, and returns it; NULL if the pass has seen that slab,
 * or the bucket is empty. So once a pass has seen all slabs, their order is what it was. */
extent_t *bin_next_unseen(bin_t *bin, uint32_t bucket, uint8_t pass) REQUIRES(role_bin);
/* A slab of a bucket becomes held; its link is the caller's. */
void bin_hold(bin_t *bin, extent_t *slab) REQUIRES(role_bin);
/* A held slab returns to a bucket. If it is empty, it leaves the bin for `emptied`; NULL: it stays nevertheless. */
void bin_unhold(bin_t *bin, extent_t *slab, list_t *emptied) REQUIRES(role_bin);
/* Takes a slab that is not held out of the bin, live regions and all: these count as freed. */
void bin_forget(bin_t *bin, extent_t *slab) REQUIRES(role_bin);
/* Frees the first of n pointers, which points into the slab, and perhaps some that follow. Returns how many: the caller
 * adds them to regs_returned. A slab that becomes empty leaves the bin for `emptied`, unless it is the current one. */
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

/* Regions out of the bin: in use, or in caches. */
static inline uint64_t
bin_nregs_out(const bin_t *bin) REQUIRES(role_bin) {
    return atomic_get(&bin->regs_taken) - atomic_get(&bin->regs_returned);
}

/* Counts a fill that took n regions, unless it found none; and a flush that returned n. */
static inline void
bin_count_fill(bin_t *bin, uint32_t n) REQUIRES(role_bin) {
    counter_add(&bin->fills, n > 0);
}

static inline void
bin_count_flush(bin_t *bin, uint64_t n) REQUIRES(role_bin) {
    counter_add(&bin->flushes, 1);
    counter_add(&bin->regs_returned, n);
}

/* Stops at the first broken invariant that the bin alone can show. Debug builds. */
void bin_check(bin_t *bin) REQUIRES(role_bin);
/* The same for one of its slabs, also a full one. */
void bin_check_slab(const bin_t *bin, const extent_t *slab) REQUIRES(role_bin);

/* ---- bin shards: shards.c ----
 *
 * Give a class several shards where many threads meet at its bin: each shard is a bin with a lock of its own. Threads
 * without caches need that, since they lock a bin with every call: two of them that do nothing else, each on a
 * processor, find the lock taken 30 times in 1,000 pairs of malloc and free with one shard, and never with two; a pair
 * takes 170 ns with one and 130 ns with two (scripts/bench-shards). Threads with caches hardly need it: the default is
 * one shard. A further one costs half a kilobyte, and partly used slabs of its own, in each arena that uses the class.
 *
 * A class has the same number of shards in every arena, 1 .. SHARDS_MAX, which may change at any time. A thread takes
 * regions from the shard (its bin shard index) % number. A slab stays with the shard that it was added to, whichever
 * thread frees into it: the extent's `bin` says which. The first shard is the arena's own bin; it leads to the others,
 * which are made at first use and never given back.
 *
 * Shards beyond the number are *surplus*: they get no new slab and have no current one, so their slabs leave as they
 * become empty; and their free regions are taken before any other shard gets a new slab. When the number rises they
 * serve again, with the slabs that they still hold.
 *
 * Thread-safe. Locks of several shards of a class are taken in the order of their numbers.
 */

/* jemalloc's limit for opt.bin_shards, too. */
#define SHARDS_MAX 64

/* The shards after the first; NULL until they are made. */
struct shards {
    bin_t *_Atomic bin[SHARDS_MAX - 1]; /* Synchronization: written under the first one's lock, read at any time. */
};

/* By class, the number of shards less one. */
extern _Atomic uint8_t shards_beyond_first[SC_MAX_SMALL]; /* Synchronization: any thread writes and reads. */

static inline uint32_t
shards_number(uint32_t szind) {
    return atomic_get(&shards_beyond_first[szind]) + 1U;
}

/* Shard k of 0 .. SHARDS_MAX - 1; NULL if it was never made. */
static inline bin_t *
shards_get(bin_t *first, uint32_t k) {
    struct shards *others = atomic_get_acquire(&first->others);
    return k == 0 ? first : others == NULL ? NULL : atomic_get_acquire(&others->bin[k - 1]);
}

static inline bool
shards_single(bin_t *first) {
    return LIKELY(atomic_get_acquire(&first->others) == NULL);
}

bin_t *shards_next_slow(bin_t *first, uint32_t *k);

/* To walk over the shards that were made, start with *k = 0 and call until NULL: returns shard *k or the next one that
 * was made, and sets *k to the number after it. */
static inline bin_t *
shards_next(bin_t *first, uint32_t *k) {
    if (*k == 0) {
        *k = 1;
        return first;
    }
    return shards_single(first) ? NULL : shards_next_slow(first, k);
}

bin_t *shards_lock_slow(bin_t *first, uint32_t szind, uint32_t bin_shard) ACQUIRE(role_bin);

/* Locks the shard that a bin shard index takes from; makes it if need be, and locks the first one if memory is
 * exhausted. It does not become surplus while its lock is held. */
static inline bin_t *
shards_lock(bin_t *first, uint32_t szind, uint32_t bin_shard) ACQUIRE(role_bin) NO_THREAD_SAFETY {
    if (UNLIKELY(atomic_get(&shards_beyond_first[szind]) != 0)) {
        return shards_lock_slow(first, szind, bin_shard);
    }
    bin_lock(first);
    return first;
}

/* Takes up to n regions from the shards of number `from` on, and leaves them without a current slab; returns how
 * many. */
uint32_t shards_take(bin_t *first, uint32_t from, uint32_t n, void **out) EXCLUDES(role_bin);

/* Bytes of metadata for the shards after the first. */
size_t shards_bytes(bin_t *first);

/* Locks every shard that was made; no shard is made until they are unlocked. */
void shards_lock_all(bin_t *first) ACQUIRE(role_bin);
void shards_unlock_all(bin_t *first) RELEASE(role_bin);

void shards_prefork(bin_t *first);
void shards_postfork(bin_t *first, bool child);

#endif

/*
 * arena.h -- one arena: an independent allocator over its own pages.
 *
 * Use it to fill and flush thread caches (thread/), which call it in batches, and to allocate or free without a cache.
 * arenas.h finds and makes arenas; nothing here knows threads.
 *
 *   small.c   small allocations: regions of slabs, from the bins of their class (bin.h)
 *   large.c   large allocations: an extent each
 *   sampled.c sampled allocations: an extent each
 *   free.c    frees, by address alone: the page map leads to the extent, which names its arena and, for a slab, its
 *             bin; so any thread frees any pointer
 *   slab_decay.c  free pages inside of slabs go back to the system (slab_decay.h); slab_pass.c: one thread at a time
 *   arena.c   creation, defaults, locks for fork
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_ARENA_ARENA_H
#define LUNALLOC_ARENA_ARENA_H

#include "arena/bin.h"
#include "extent/page_alloc.h"

typedef enum {
    arena_living,
    arena_clearing, /* reset or destruction is under way, in a thread that holds no lock */
    arena_destroyed
} arena_life_t;

/* The state of slab_decay.h. */
typedef struct {
    _Atomic int64_t decay_ms; /* Synchronization: any thread; -1: never. */
    _Atomic uint64_t due;     /* Synchronization: any thread; ns; when a tick has something to do. */
    _Atomic uintptr_t
        passer;            /* Synchronization: any thread, from 0 or to 0; the mark of the thread that makes a pass. */
    _Atomic uint64_t next; /* Synchronization: the thread that makes a pass, read at any time; ns; the next pass. */
    _Atomic uint64_t activity;  /* Synchronization: as next; the sum of the bins' counters at the latest pass. */
    _Atomic size_t ageing;      /* Synchronization: as next; bytes of pages that the latest pass left ageing. */
    uint8_t number;             /* Synchronization: the thread that makes a pass; of the latest pass, 1 .. 255. */
    list_t held;                /* Synchronization: the same, and the bin's lock of its slabs; slabs that are held. */
    purge_counters_t discarded; /* Synchronization: its own. */
} slab_decay_t;

typedef struct arena {
    uint32_t index;            /* Synchronization: constant. */
    _Atomic uint64_t created;  /* Synchronization: written while it is empty, read at any time; ns. */
    _Atomic arena_life_t life; /* Synchronization: written under the table's lock (arenas.h), read at any time. */
    _Atomic bool manual;       /* Synchronization: as created; made by request: no thread is bound to it
                                  automatically, and its memory enters no cache but those of threads bound to it. */
    _Atomic uint32_t nthreads; /* Synchronization: any thread; threads bound to it. */
    _Atomic uint32_t nshards_assigned;            /* Synchronization: any thread adds; bin shard indices given out. */
    _Atomic uint64_t nmalloc_large[SC_MAX_SIZES]; /* Synchronization: any thread adds; by szind; sampled allocations of
                                                     small classes are counted here, too. */
    _Atomic uint64_t ndalloc_large[SC_MAX_SIZES]; /* Synchronization: as nmalloc_large. */
    _Atomic uint64_t requests[SC_MAX_SIZES];      /* Synchronization: any thread adds; by szind; requests that no
                                                     existing cache counts. */
    extent_t *kept GUARDED_BY(role_extents);      /* under the dirty extents' lock; see sampled.c; linked by `sample` */
    _Atomic uint32_t nkept;                       /* Synchronization: written under that lock, read at any time. */
    page_alloc_t pages;                           /* Synchronization: its own. */
    slab_decay_t slab_decay;                      /* Synchronization: its own. */
    bin_t bins[]; /* Synchronization: their own; sc.nsmall of them: the first shard of each small class. */
} arena_t;

/* A new arena, in metadata; NULL if memory is exhausted. */
arena_t *arena_new(uint32_t index, bool manual);
/* Sets hooks, decay times and limits to the defaults of new arenas, and the time of creation to `now`. */
void arena_use_defaults(arena_t *arena, uint64_t now);

/* The bin shard index of a new thread: 0, 1, 2 ... in turn. The thread keeps it, and takes from shard index % number of
 * shards of each class. */
uint32_t arena_assign_bin_shard(arena_t *arena);

/* Counts requests that no cache counts: those that name an arena, or of a thread without a cache. */
static inline void
arena_count_requests(arena_t *arena, uint32_t szind, uint64_t n) {
    atomic_add(&arena->requests[szind], n);
}

/* ---- small allocations: small.c ---- */

/* A slab for arena_take, which is in no bin yet. NULL if memory is exhausted. */
extent_t *arena_new_slab(arena_t *arena, uint32_t szind);
/* Takes up to n regions of a small class from the slabs of the thread's bin shard and of surplus shards (bin.h);
 * ascending within a slab. `slab`: a new one, which the bin shard gets first, or NULL. Returns how many. Calls no
 * hook. */
uint32_t arena_take(arena_t *arena, uint32_t szind, uint32_t bin_shard, extent_t *slab, uint32_t n, void **out);
/* Takes n regions: as arena_take, then from new slabs, then from any shard. Fewer only if memory is exhausted. */
uint32_t arena_fill(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out);
/* Takes one region; NULL if memory is exhausted. */
void *arena_malloc_small(arena_t *arena, uint32_t szind, uint32_t bin_shard);
/* Takes a slab that has left its bin out of the page map: it is to be given back to the page layer. */
void arena_unmap_slab(extent_t *slab);
/* Gives a slab that has left its bin back to the page layer. */
void arena_delete_slab(arena_t *arena, extent_t *slab);
/* Gives empty slabs and kept extents back, and all free pages to the system. For an arena that no thread allocates
 * from. */
void arena_drain(arena_t *arena);
/* Gives empty slabs of a class's surplus shards back; those shards have no current slab afterwards. */
void arena_drain_surplus(arena_t *arena, uint32_t szind);

/* ---- large allocations: large.c ---- */

/* A large allocation at an alignment (a power of two); *zeroed as for pa_alloc. Resident free pages of another
 * automatic arena may serve it: then it belongs to that one. NULL if memory is exhausted. */
void *arena_malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);
/* The same from this arena alone: for requests that name it. */
void *arena_malloc_large_in(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);
/* A sampled allocation of any class (sample.h), which is an extent of its own. NULL: allocate an ordinary one instead.
 * The thread is not to be sampled, the profiler has no record for it, or memory is exhausted. */
void *arena_malloc_sampled(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);
/* Frees an extent that is no slab. */
void arena_free_large(extent_t *e);
/* Keeps the extent of a freed sample for the next one. False: it is to be freed. */
bool arena_keep_sampled(arena_t *arena, extent_t *e);
/* Frees what is kept. */
void arena_drop_kept(arena_t *arena);

/* Resizes a large allocation in place to a large class. False: nothing changed. */
bool arena_resize_large(extent_t *e, uint32_t szind);
/* Grows a large allocation by remapping its pages to another address of the same arena: nothing is copied. Returns the
 * new extent, the old one is free. NULL: nothing changed. */
extent_t *arena_relocate_large(extent_t *e, uint32_t szind);

/* ---- frees: free.c ---- */

/* Frees one allocation of any class, past all caches. An address inside an allocation is misuse. */
void arena_free(void *ptr);
/* Frees n small allocations of any mix of classes and arenas. Clobbers ptrs. */
void arena_flush(void **ptrs, uint32_t n);
/* The two halves of arena_flush, for a caller that has work to do before hooks may run. arena_push calls no hook: it
 * appends slabs that became empty to `emptied`, which arena_delete_slabs gives back. */
void arena_push(void **ptrs, uint32_t n, list_t *emptied);
/* Whether the calling thread was the last one to take regions from the slabs of n small allocations, at ptrs[0],
 * ptrs[step] and so on. A guess: threads may look alike. True for large ones. */
bool arena_took(void *const *ptrs, uint32_t n, size_t step);
void arena_delete_slabs(list_t *emptied);

/* The extent of an existing allocation; any other address is misuse, which ends the process with a message that begins
 * with `what`. */
extent_t *arena_extent_of(const void *ptr, const char *what);
/* Misuse unless ptr is an allocation that a free would accept now: for a caller that takes it and frees it later. */
void arena_expect_live(const extent_t *e, const void *ptr);

/* ---- the whole arena ---- */

/* Frees all active extents, with all that lives in them; arena_clear gives all regions back, too. Nobody may use the
 * arena meanwhile (arenas_reset.c). */
void arena_reset(arena_t *arena);
void arena_clear(arena_t *arena);

/* The locks of all bins, of every shard: no region moves between bins and caches meanwhile. */
void arena_lock_bins(arena_t *arena) ACQUIRE(role_bin);
void arena_unlock_bins(arena_t *arena) RELEASE(role_bin);

/* Stops at the first broken invariant (arena_check.c). Debug builds. */
void arena_check(arena_t *arena);

void arena_prefork(arena_t *arena, lock_rank_t rank);
void arena_postfork(arena_t *arena, bool child);

#endif

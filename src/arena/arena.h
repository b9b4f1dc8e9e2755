/*
 * arena.h -- an independent allocator: bins of small classes and large allocations over its own pages.
 *
 * Threads call it through their caches (thread/), in batches; nothing here knows threads. Every pointer carries its
 * arena in its extent, so any thread may free anything.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_ARENA_ARENA_H
#define LUNALLOC_ARENA_ARENA_H

#include "arena/shards.h"
#include "extent/page_alloc.h"

/* Clearing: its memory is being given back, by a thread that holds no lock. */
typedef enum {
    arena_living,
    arena_clearing,
    arena_destroyed
} arena_life_t;

typedef struct arena {
    uint32_t index;            /* Synchronization: constant. */
    _Atomic uint64_t created;  /* Synchronization: written while nothing lives in it, read at any time; ns. */
    _Atomic arena_life_t life; /* Synchronization: written under the arenas' lock, read at any time. */
    _Atomic bool manual; /* Synchronization: written while nothing lives in it, read at any time; made by request, not
                            for automatic binding; never cached. */
    _Atomic uint32_t nthreads;                    /* Synchronization: any thread; threads bound to it. */
    _Atomic uint32_t nshards_assigned;            /* Synchronization: any thread adds; seats given so far. */
    _Atomic uint64_t nmalloc_large[SC_MAX_SIZES]; /* Synchronization: any thread adds; by szind, samples of small
                                                     classes too. */
    _Atomic uint64_t ndalloc_large[SC_MAX_SIZES]; /* Synchronization: as nmalloc_large. */
    _Atomic uint64_t nrequests[SC_MAX_SIZES];     /* Synchronization: any thread adds; requests by szind that no living
                                                     thread's cache counts. */
    page_alloc_t pages;                           /* Synchronization: its own. */
    bin_t bins[]; /* Synchronization: their own; sc.nsmall of them, the first shard of each class. */
} arena_t;

/* A new arena in metadata; NULL without memory. */
arena_t *arena_new(uint32_t index, bool manual);
/* Hooks, decay times and cap as new arenas get them; its life begins. */
void arena_use_defaults(arena_t *arena, uint64_t now);

/* A number for a thread, by which it keeps to one shard of each class; they are given in turn. */
uint32_t arena_assign_bin_shard(arena_t *arena);

/* Requests that no thread's cache counts: of an arena that was named, or of a thread without a cache. */
static inline void
arena_count_requests(arena_t *arena, uint32_t szind, uint64_t n) {
    atomic_add(&arena->nrequests[szind], n);
}

/* Up to n regions of a small class into out, ascending within a slab, from the slabs that the bin_shard's shard and surplus
 * ones have. Asks no hook. */
uint32_t arena_take(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out);
/* One more slab for a class; others may take its regions first. False without memory. */
bool arena_add_slab(arena_t *arena, uint32_t szind, uint32_t bin_shard);
/* As arena_take, with new slabs too; failing that, from any shard: fewer than n only without memory. */
uint32_t arena_fill(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out);
/* One region of a small class, without a cache. NULL without memory. */
void *arena_malloc_small(arena_t *arena, uint32_t szind, uint32_t bin_shard);
/* A large allocation at an alignment (a power of two); *zeroed as for pa_alloc. NULL without memory. */
void *arena_malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);
/* The same of this arena's own memory only. */
void *arena_malloc_large_in(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);

/* Gives n pointers back to the arenas that they came from, in any mix of small classes and arenas. Clobbers ptrs. Asks
 * no hook: slabs that nothing lives in any more are appended to `emptied`, for arena_delete_slabs. */
void arena_push(void **ptrs, uint32_t n, list_t *emptied);
void arena_delete_slabs(list_t *emptied);
/* Both. */
void arena_flush(void **ptrs, uint32_t n);
/* The extent of an allocation that lives; anything else is misuse and ends the process with a message naming `what`. */
extent_t *arena_extent_of(const void *ptr, const char *what);
/* Misuse unless this is the address of an allocation in that extent, which a free would take: for who takes it and
 * frees it later. */
void arena_expect_live(const extent_t *e, const void *ptr);
void arena_free_large(extent_t *e);
/* The same by address: one inside a large allocation is misuse. */
void arena_free_large_ptr(const void *ptr);

/* Resizes a large allocation in place to a large class. False: nothing changed. */
bool arena_resize_large(extent_t *e, uint32_t szind);
/* Lets it grow to a large class at another place, in the same arena, without copying. Returns its extent there, the old
 * one is free; NULL where that cannot be: nothing changed. */
extent_t *arena_relocate_large(extent_t *e, uint32_t szind);

/* Gives everything back in which nothing lives, empty slabs too. For an arena that no thread allocates from. */
void arena_drain(arena_t *arena);
/* Gives back what is empty in surplus shards of a class, and leaves no current slab there. */
void arena_drain_surplus(arena_t *arena, uint32_t szind);
/* Frees everything that lives in a manual arena. Nobody uses its memory any more. */
void arena_reset(arena_t *arena);
/* Resets it and gives its regions back. */
void arena_clear(arena_t *arena);

/* All locks of its bins, of every shard: no region comes or goes between bins and caches. */
void arena_lock_bins(arena_t *arena) ACQUIRE(role_bin);
void arena_unlock_bins(arena_t *arena) RELEASE(role_bin);

/* Stops at the first broken invariant. Debug builds. */
void arena_check(arena_t *arena);

void arena_prefork(arena_t *arena, lock_rank_t rank);
void arena_postfork(arena_t *arena, bool child);

#endif

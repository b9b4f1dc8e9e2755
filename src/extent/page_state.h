/*
 * page_state.h -- the state of one arena's pages, its locks, and what can be read of the layout.
 *
 * Include it to read counters and settings (observe/, control/), or to work on the pages inside of this folder. To
 * allocate and free pages, include page_alloc.h.
 *
 * Invariants, with the locks of all three collections held (page_check.c asserts them):
 *   mapped = sum of region sizes = pages of (active + busy + dirty + muzzy + retained)
 *   each page of a region is in exactly one extent, and both ends of that extent are in the page map
 *   the extents in state dirty (muzzy, retained) that the regions hold are the members of that collection
 *   the page map has no other entries, and no classes but those of slabs and of large allocations' first granules
 */
#ifndef LUNALLOC_EXTENT_PAGE_STATE_H
#define LUNALLOC_EXTENT_PAGE_STATE_H

#include "base/options.h"
#include "extent/hooks.h"
#include "extent/stage.h"

typedef struct region {
    /* Synchronization: retained.lock while it is in its arena's list: these fields. */
    uintptr_t addr;
    size_t size;
    uint64_t sn; /* rises from region to region of an arena; equal, with a rising addr, where a loss divides them */

    struct region *next GUARDED_BY(role_extents); /* the next younger one; under retained.lock */
} region_t;

/* What prefault.c remembers. */
typedef struct {
    _Atomic bool busy;    /* Synchronization: any thread; one of them makes a batch. */
    _Atomic bool refused; /* Synchronization: any thread; the system made none. */

    /* Synchronization: the thread that set `busy`: these fields. */
    size_t last;                  /* pages of the last batch */
    uint64_t purged;              /* dirty pages that had been purged by then */
    uintptr_t huge_end;           /* where the last huge page ends */
    uintptr_t run_start, run_end; /* what consecutive batches of small pages cover */
    uint64_t taken;               /* bytes that had been given back or moved when the run began */
    bool no_collapse;             /* the system has refused to collapse */
} prefault_t;

typedef struct {
    uint32_t arena;                /* Synchronization: constant. */
    extent_hooks_t *_Atomic hooks; /* Synchronization: any thread; NULL: the system. */
    stage_t dirty, muzzy;          /* Synchronization: their own. */
    extents_t retained;            /* Synchronization: its own. */

    region_t *regions GUARDED_BY(role_extents);     /* oldest first; under retained.lock */
    region_t *last_region GUARDED_BY(role_extents); /* under retained.lock */
    uint64_t next_sn GUARDED_BY(role_extents);      /* under retained.lock */
    size_t next_size GUARDED_BY(role_extents);      /* of the next region; under retained.lock */
    _Atomic size_t mapped;   /* Synchronization: written under retained.lock, read at any time; bytes. */
    _Atomic size_t nregions; /* Synchronization: as mapped. */

    lock_t decay_lock;         /* Synchronization: itself; guards the curves of both stages. */
    _Atomic uint64_t deadline; /* Synchronization: written under decay_lock, read at any time; ns; UINT64_MAX: none,
                                  as long as no page was ever dirty. */

    /* Synchronization: any thread: these fields, the settings. */
    _Atomic int64_t dirty_max; /* bytes, -1: no limit (dirty_limits.h) */
    _Atomic size_t oversize;   /* bytes; a freed extent of this size or more is purged at once; 0: none is */
    _Atomic size_t grow_limit; /* bytes; 0: options.retain_grow_limit */
    _Atomic uint32_t thp;      /* pages_thp_t */
    _Atomic bool guard;        /* new extents end with a guard page (guard.h) */
    _Atomic bool no_retain;    /* written under the dirty extents' lock; no page stays free (dirty_limits.h) */

    _Atomic size_t wake_threshold; /* Synchronization: any thread; pages (purger.h). */
    _Atomic size_t peak;           /* Synchronization: any thread; pages; most that were resident (trim_to_peak.h). */
    prefault_t prefault;           /* Synchronization: its own. */

    /* Synchronization: any thread adds: these fields, the counters. */
    _Atomic size_t guard_pages;       /* in place */
    _Atomic uint64_t missing_guards;  /* guards that could not be made */
    _Atomic uint64_t purged_bytes;    /* given back to the system */
    _Atomic uint64_t remapped_bytes;  /* moved by pa_remap */
    _Atomic uint64_t relocated_bytes; /* moved by pa_relocate */
} page_alloc_t;

/* Zeroed memory becomes the state of an arena without pages. Until decay times are set, pages are purged at once. */
void pa_init(page_alloc_t *pa, uint32_t arena);

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static inline extent_hooks_t *
pa_hooks(page_alloc_t *pa) {
    return atomic_get_acquire(&pa->hooks);
}

/* In bytes; 0: the arena is not hugepage-aware (hugepage.h). */
static inline size_t
pa_hugepage_size(page_alloc_t *pa) {
    return atomic_get(&pa->dirty.extents.hugepage);
}

/* The size at which the growth of regions stops: the arena's own, or the option. */
static inline size_t
pa_grow_limit(page_alloc_t *pa) {
    size_t own = atomic_get(&pa->grow_limit);
    return own != 0 ? own : atomic_get(&options.retain_grow_limit);
}

/* Active, dirty and muzzy pages. */
static inline size_t
pa_resident_pages(page_alloc_t *pa) {
    return (atomic_get(&pa->mapped) >> sc.config.lg_page) - atomic_get(&pa->retained.npages);
}

/* Are notably more pages resident than ever before? (trim_to_peak.h) */
static inline bool
pa_exceeds_peak(page_alloc_t *pa) {
    size_t peak = atomic_get(&pa->peak);
    return pa_resident_pages(pa) >= peak + STAGE_LEAST_PAGES + peak / 32;
}

/* May pa_tick ever have something to do? If not, the caller need not read the clock. */
static inline bool
pa_is_timed(page_alloc_t *pa) {
    return atomic_get(&pa->deadline) != UINT64_MAX;
}

/* The stage of a state: dirty or muzzy. */
static inline stage_t *
pa_stage(page_alloc_t *pa, extent_state_t state) {
    return state == extent_dirty ? &pa->dirty : &pa->muzzy;
}

/* The collection of a state: dirty, muzzy or retained. */
static inline extents_t *
pa_extents(page_alloc_t *pa, extent_state_t state) {
    return state == extent_retained ? &pa->retained : &pa_stage(pa, state)->extents;
}

/* A position in an arena's address space. It stays valid when the extents there change. */
typedef struct {
    uint64_t sn;    /* the region's serial number */
    uintptr_t addr; /* 0: its start */
} pa_place_t;

/*
 * Walks over all extents, in the order in which their regions were created: returns the first extent that starts at or
 * after a place, and advances the place past it; NULL at the end. The whole layout must be locked during a call; it may
 * be unlocked between two calls.
 */
extent_t *pa_next_extent(page_alloc_t *pa, pa_place_t *place) REQUIRES(role_extents);

/* Does this memory overlap one of the arena's regions? */
bool pa_overlaps(page_alloc_t *pa, uintptr_t addr, size_t size);
/* A slot: the same of all arenas, to check what an alloc hook returned. The arena layer fills it; NULL: only the own
 * arena is checked. */
extern bool (*_Atomic pa_overlaps_any)(uintptr_t addr, size_t size);

/* ---- locks ------------------------------------------------------------------------------------------------------- */

/* Locks all three collections: the layout of this arena stands still. */
void pa_lock_layout(page_alloc_t *pa) ACQUIRE(role_extents);
void pa_unlock_layout(page_alloc_t *pa) RELEASE(role_extents);

void pa_lock_decay(page_alloc_t *pa) ACQUIRE(role_decay);
bool pa_try_lock_decay(page_alloc_t *pa) TRY_ACQUIRE(true, role_decay);
void pa_unlock_decay(page_alloc_t *pa) RELEASE(role_decay);

/* After a curve advanced or a decay time changed: sets `deadline` to the end of the earliest step. */
void pa_update_deadline(page_alloc_t *pa) REQUIRES(role_decay);

/* Fork: the locks are taken rank by rank, of all arenas, and released together. */
void pa_prefork_decay(page_alloc_t *pa);
void pa_prefork_extents(page_alloc_t *pa, extent_state_t state);
void pa_postfork(page_alloc_t *pa, bool child);

#endif

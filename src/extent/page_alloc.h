/*
 * page_alloc.h -- one arena's pages: from the system and back.
 *
 *                 alloc                    dalloc
 *   dirty   ------------------> active ------------> dirty
 *   muzzy   ------------------>                        | decay, purge (lazily, if muzzy_decay_ms is not 0)
 *   retained ----------------->                      muzzy
 *   system  -- new region ---->                        | decay, purge
 *                                                    retained  (only the address range is kept)
 *
 * An allocation takes the best fit from the first collection that has one, cuts off what it does not need and leaves
 * that where it came from. A large one that finds no fit takes retained pages, and the memory of dirty extents that are
 * too small is moved there (remap.c). Where that cannot be, dirty pages together with the free ones beside them come
 * before retained ones alone (coalesce_across.c).
 *
 * A free extent merges with free neighbours of the same collection, the same committed-ness and the same region (a head
 * never merges leftward). Regions grow geometrically up to pa_grow_limit;
 * when the system refuses, regions that are wholly retained are given back and the smallest sufficient region is
 * tried.
 *
 * Fresh pages that would raise the arena's peak are paid for with dirty ones that nobody seems to need (pa_trim_to_peak).
 *
 * No lock is held while the system is asked to map, commit or purge: the extents concerned are busy meanwhile.
 *
 * An arena *packs* while its dirty and muzzy collections have a unit, the size of a huge page. Its new regions consist
 * of whole units. Decay and cap count and purge whole units only: a huge page that is used in part stays whole, and its
 * age as a free one starts when its last page is freed. pa_purge_all purges single pages, too. What is freed makes the
 * muzzy and retained pages beside it in its unit dirty (with a huge page they are resident anyway), so that a unit
 * without live pages becomes one dirty piece and can be purged, however its pages came and went.
 *
 * Invariants, with all three collection locks held (pa_check asserts them):
 *   mapped = sum of region sizes = pages of (active + busy + dirty + muzzy + retained)
 *   each page of a region is in exactly one extent, whose both ends are registered
 *   the extents in state dirty (muzzy, retained) that the regions hold are the members of that collection
 *   the page map has no other entries and no classes but those of slabs and of large allocations' first granules
 */
#ifndef LUNALLOC_EXTENT_PAGE_ALLOC_H
#define LUNALLOC_EXTENT_PAGE_ALLOC_H

#include "base/options.h"
#include "extent/decay.h"
#include "extent/extents.h"
#include "extent/hooks.h"
#include "os/pages.h"

typedef struct region {
    /* Synchronization: retained.lock while it is in its arena's list: these fields. */
    uintptr_t addr;
    size_t size;
    uint64_t sn; /* rises from region to region of an arena; equal, with a rising addr, where a loss divides them */

    struct region *next GUARDED_BY(role_extents); /* the next younger one; under retained.lock */
} region_t;

/* What has been purged from one collection. */
typedef struct {
    /* Synchronization: any thread adds: these fields. */
    _Atomic uint64_t npurges;  /* passes that took something */
    _Atomic uint64_t nmadvise; /* calls of the system or of hooks */
    _Atomic uint64_t npages;
} purges_t;

typedef struct {
    uint32_t arena;                   /* Synchronization: constant. */
    extent_hooks_t *_Atomic hooks;    /* Synchronization: any thread; NULL: the system. */
    extents_t dirty, muzzy, retained; /* Synchronization: their own. */

    region_t *regions GUARDED_BY(role_extents);     /* oldest first; under retained.lock */
    region_t *last_region GUARDED_BY(role_extents); /* under retained.lock */
    uint64_t next_sn GUARDED_BY(role_extents);      /* under retained.lock */
    size_t next_size GUARDED_BY(role_extents);      /* of the next region; under retained.lock */
    _Atomic size_t mapped;   /* Synchronization: written under retained.lock, read at any time; bytes. */
    _Atomic size_t nregions; /* Synchronization: as mapped. */

    lock_t decay_lock; /* Synchronization: itself. */
    decay_t dirty_decay GUARDED_BY(role_decay);
    decay_t muzzy_decay GUARDED_BY(role_decay);
    _Atomic uint64_t dirtied_at; /* Synchronization: any thread; ns; when pages last became dirty; 0: never. */
    _Atomic uint64_t deadline;   /* Synchronization: written under decay_lock, read at any time; ns; UINT64_MAX: none,
                                       as long as no page was ever dirty. */
    _Atomic int64_t dirty_decay_ms; /* Synchronization: as deadline; copies for the fast test. */
    _Atomic int64_t muzzy_decay_ms; /* Synchronization: as deadline. */
    _Atomic int64_t dirty_max;      /* Synchronization: any thread; bytes, -1 no limit. */
    _Atomic size_t oversize;        /* Synchronization: any thread; bytes; what is freed of this size or more is purged
                                       at once; 0: nothing is. */
    _Atomic size_t grow_limit;      /* Synchronization: any thread; bytes; 0: options.retain_grow_limit. */
    _Atomic bool no_retain; /* Synchronization: written under dirty.lock, read at any time; nothing stays free. */
    _Atomic size_t wake_threshold; /* Synchronization: any thread; more decaying pages than this wake the purger. */

    _Atomic uint32_t thp;        /* Synchronization: any thread; pages_thp_t. */
    _Atomic size_t peak;         /* Synchronization: any thread; pages; most that were resident (pa_trim_to_peak). */
    _Atomic bool guard;          /* Synchronization: any thread; extents made from now on end with a guard page. */
    _Atomic size_t nguards;      /* Synchronization: any thread adds; guard pages that are there. */
    _Atomic uint64_t nunguarded; /* Synchronization: any thread adds; guards that there could not be. */
    purges_t dirty_purges;       /* Synchronization: its own. */
    purges_t muzzy_purges;       /* Synchronization: its own. */
    _Atomic uint64_t purged;     /* Synchronization: any thread adds; bytes given back for good. */
    _Atomic uint64_t remapped;   /* Synchronization: any thread adds; bytes moved by pa_remap. */
    _Atomic uint64_t relocated;  /* Synchronization: any thread adds; bytes moved by pa_relocate. */
} page_alloc_t;

/* 0: the arena does not pack. */
static inline size_t
pa_hugepage_size(page_alloc_t *pa) {
    return atomic_get(&pa->dirty.unit);
}

/* The size at which the growth of regions stops: the arena's own, or that of all. */
static inline size_t
pa_grow_limit(page_alloc_t *pa) {
    size_t own = atomic_get(&pa->grow_limit);
    return own != 0 ? own : atomic_get(&options.retain_grow_limit);
}

static inline extent_hooks_t *
pa_hooks(page_alloc_t *pa) {
    return atomic_get_acquire(&pa->hooks);
}

/* pa is zeroed memory. Until decay times are set, pages are purged at once. */
void pa_init(page_alloc_t *pa, uint32_t arena);

/*
 * An active extent of exactly size bytes (a multiple of the page) at an alignment (a power of two >= the page), with
 * its szind and slab bit set. *zeroed: whether zeros are wanted, and then fresh pages are best; set to whether it reads
 * as zeros. NULL if there is no memory.
 */
extent_t *pa_alloc(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed);
/* The same of a large allocation, but from dirty pages alone, without a guard: NULL if none fit or one is wanted. */
extent_t *pa_reuse(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool *zeroed);
/* The reverse of pa_alloc. The class bytes and the slab's interior of the page map have been cleared. */
void pa_dalloc(page_alloc_t *pa, extent_t *e);
/* Grows in place by taking free pages behind e, or shrinks; sets the szind. False: nothing changed. */
bool pa_expand(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind);
bool pa_shrink(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind);
/* Moves what e holds to a larger extent, which is returned, if that is better than copying; e is free then. Its class
 * has been cleared from the page map. NULL: nothing changed. */
extent_t *pa_relocate(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) EXCLUDES(role_extents);

/* Gives every region back, for good. Every extent is free and no other thread uses the arena. */
void pa_release_all(page_alloc_t *pa);

/* Puts a busy extent into a collection, merged with its neighbours there. */
void pa_insert(page_alloc_t *pa, extents_t *x, extent_t *e) REQUIRES(role_extents);
/* Cuts e, busy or the caller's, after size_a bytes; returns the rest, busy. NULL if that is refused, or without
 * memory. */
extent_t *pa_split(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) REQUIRES(role_extents);
/* Appends b, busy, to a, busy or the caller's, just before it; b's descriptor is gone. False if that is refused. */
bool pa_join(page_alloc_t *pa, extents_t *x, extent_t *a, extent_t *b) REQUIRES(role_extents);
/* The same of pages from the system, whatever hooks the arena has by now: the lock is kept throughout. */
extent_t *pa_split_unasked(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) REQUIRES(role_extents);
void pa_join_unasked(extents_t *x, extent_t *a, extent_t *b) REQUIRES(role_extents);
/* As extents_fit, but not a dirty extent that is too large to be cut for this (options.lg_extent_max_active_fit). */
extent_t *pa_fit(page_alloc_t *pa, extents_t *x, size_t size, size_t alignment) REQUIRES(role_extents);
/* Cuts [addr, addr + size) out of busy e and puts what is left over into x. NULL: all of e is there. */
extent_t *pa_carve(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t addr, size_t size) REQUIRES(role_extents);
/* A busy, committed extent of dirty pages with other free ones beside them; NULL if there is no such place. */
extent_t *pa_coalesce_across(page_alloc_t *pa, size_t size) EXCLUDES(role_extents);
/* An active extent of pages that are not resident, without a guard: for large allocations. */
extent_t *pa_alloc_untouched(page_alloc_t *pa, size_t size, uint32_t szind, bool *zeroed);
/* Is it worth trying for an allocation of that size? */
bool pa_may_remap(page_alloc_t *pa, size_t size);
/* Moves the memory of dirty extents to e, busy or the caller's, whose bytes behind `from` are fresh. *touched: they do
 * not read as zeros any more. False: e is lost, and its descriptor is gone. */
bool pa_remap(page_alloc_t *pa, extent_t *e, size_t from, bool *touched) EXCLUDES(role_extents);
/* A record for pa_lose, which takes it, and its way back; NULL without memory. */
region_t *pa_new_record(void);
void pa_delete_record(region_t *record);
/* Forgets e, the caller's or busy, without a class: some of its pages were lost. The region that they were in goes on
 * at both sides of it. */
void pa_lose(page_alloc_t *pa, extent_t *e, region_t *record) EXCLUDES(role_extents);
/* A busy extent that is a whole new region of at least `size` bytes (or exactly so many) at an alignment. NULL if there
 * is no memory. */
extent_t *pa_new_region(page_alloc_t *pa, size_t size, size_t alignment, bool exact);
/* Gives back all regions that are wholly retained. True if there was one. */
bool pa_release_unused(page_alloc_t *pa);
/* The same after each purge: ends when one is refused, since the next one would be, too, and all of them every time. */
void pa_offer_unused(page_alloc_t *pa);

/* After pages became retained: gives back the regions that are wholly so, unless they are to be kept. The system's are,
 * with opt.retain; an arena's own hooks are asked, if they can take any back. */
void pa_note_retained(page_alloc_t *pa);

/* Is any of this memory in one of the arena's regions? */
bool pa_overlaps(page_alloc_t *pa, uintptr_t addr, size_t size);
/* The same of all arenas; empty (NULL) unless the layer above fills it. Asked about what an alloc hook returned. */
extern bool (*_Atomic pa_overlaps_any)(uintptr_t addr, size_t size);

/*
 * Who purges in the background. Its functions are called at any time while the slot is filled, and may be still running
 * when it has been emptied; with no lock of the core held.
 */
typedef struct {
    bool (*runs)(void);           /* it is there: the application's threads need not purge */
    void (*start)(void);          /* pages are being taken, a mebibyte or more may come back; often */
    void (*wake)(uint32_t arena); /* this arena's pages may be due sooner than pa_background said */
} pa_purger_t;

/* Active, dirty and muzzy ones. */
static inline size_t
pa_resident_pages(page_alloc_t *pa) {
    return (atomic_get(&pa->mapped) >> sc.config.lg_page) - atomic_get(&pa->retained.npages);
}

/* Empty (NULL) unless the layers above fill it; whoever they set is there for good. */
extern const pa_purger_t *_Atomic pa_purger;

/* Decay and purging: purge.c. */

/* Will the time come when pa_tick has something to do? Until then nobody needs to read the clock. */
static inline bool
pa_is_timed(page_alloc_t *pa) {
    return atomic_get(&pa->deadline) != UINT64_MAX;
}

/* If a deadline has passed: purges what the curves and the cap no longer allow, or leaves that to the purger, if one
 * runs. Cheap otherwise. */
void pa_tick(page_alloc_t *pa, uint64_t now);
/* Purges what the curves and the cap no longer allow. */
void pa_decay(page_alloc_t *pa, uint64_t now);
/* The purger's: the same, and when it is worth coming back. UINT64_MAX: not before a wake. */
uint64_t pa_background(page_alloc_t *pa, uint64_t now);
/* Purges every dirty and muzzy page. */
void pa_purge_all(page_alloc_t *pa);
/* After pages became dirty: purges at once if the decay time is 0, the cap is exceeded, or the arena is no_retain. */
void pa_dirtied(page_alloc_t *pa);
/* Instead of that: purges a freed extent, the caller's, at once. */
void pa_purge_freed(page_alloc_t *pa, extent_t *e) EXCLUDES(role_extents);
/* A no_retain arena keeps no free pages, whatever its decay times. The caller purges those that are there. */
void pa_set_no_retain(page_alloc_t *pa, bool no_retain) EXCLUDES(role_extents);
/*
 * After pages were taken that were not resident. If notably more are resident than ever before, as many dirty pages are
 * purged of extents that have lain idle: not reused while as many extents came as there are dirty ones, and a few more.
 * So the peak follows the active pages, and those that are in circulation stay. Not if dirty pages never decay.
 */
void pa_trim_to_peak(page_alloc_t *pa);
/* Changes a decay time (state: dirty or muzzy), live. ms: -1 .. DECAY_MS_MAX. */
void pa_set_decay_ms(page_alloc_t *pa, extent_state_t state, int64_t ms, uint64_t now);

/* How a collection (state: dirty or muzzy) stands to its curve at `now`. */
typedef struct {
    size_t allowed; /* pages that the curve leaves; SIZE_MAX: any number */
    size_t over;    /* pages beyond it that the next pass purges */
    uint64_t due;   /* when time alone makes the next pass purge something; UINT64_MAX: never */
} pa_forecast_t;

pa_forecast_t pa_forecast(page_alloc_t *pa, extent_state_t state, uint64_t now) EXCLUDES(role_decay);

/* Huge pages: hugepage.c. */

/* How huge pages are used: for the regions that are there, and those to come. With `always` the arena packs, where the
 * system has huge pages; that begins with a purge of all that is free. */
void pa_set_thp(page_alloc_t *pa, pages_thp_t mode);
/* An arena with hooks of its own does not pack. NULL: the system. */
void pa_set_hooks(page_alloc_t *pa, extent_hooks_t *hooks);
/* Tells the system how a new region uses huge pages. */
void pa_advise_huge(page_alloc_t *pa, const region_t *region);
/* Before [from, to) is freed in an arena that packs: makes dirty what is muzzy or retained beside it, in the units
 * where it begins and ends. */
void pa_gather(page_alloc_t *pa, uintptr_t from, uintptr_t to);

/* A place in an arena's address space; stays meaningful whatever happens to the extents there. */
typedef struct {
    uint64_t sn;    /* the region's serial number */
    uintptr_t addr; /* 0: its start */
} pa_place_t;

/*
 * The first extent that starts at or after a place, regions in the order of their creation; NULL at the end. The
 * place moves behind it, so that the next call gives the next extent. Requires the whole layout to be locked.
 */
extent_t *pa_next_extent(page_alloc_t *pa, pa_place_t *place) REQUIRES(role_extents);

/* All three collections' locks: the layout of this arena stands still. */
void pa_lock_layout(page_alloc_t *pa) ACQUIRE(role_extents);
void pa_unlock_layout(page_alloc_t *pa) RELEASE(role_extents);

/* Stops at the first broken invariant. Debug builds. _locked: the layout is, so that the caller may look at more of the
 * same picture. */
void pa_check(page_alloc_t *pa) EXCLUDES(role_extents);
void pa_check_locked(page_alloc_t *pa) REQUIRES(role_extents);

void pa_lock_decay(page_alloc_t *pa) ACQUIRE(role_decay);
void pa_unlock_decay(page_alloc_t *pa) RELEASE(role_decay);
void pa_prefork_decay(page_alloc_t *pa);
void pa_prefork_extents(page_alloc_t *pa, extent_state_t state);
void pa_postfork(page_alloc_t *pa, bool child);

#endif

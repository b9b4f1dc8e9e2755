/*
 * stage.h -- one stage of free pages on their way back to the system: dirty, then muzzy.
 *
 * An arena has two of them (page_state.h). Each has the free extents in its state, a decay curve that says how many of
 * their pages may stay, and counters of what was purged. Purging takes extents from a stage and moves them to the next
 * one, or to the retained extents:
 *
 *   dirty --- purge lazily ---> muzzy --- purge ---> retained
 *     `------ purge for good ------------------------^
 *
 * Use it to read or advance the curve of one stage. To purge, see purge.h.
 *
 * Synchronization: `extents` has its own lock. The curve is guarded by the arena's decay_lock. Counters are atomic.
 */
#ifndef LUNALLOC_EXTENT_STAGE_H
#define LUNALLOC_EXTENT_STAGE_H

#include "extent/decay.h"
#include "extent/extents.h"

/* Counters of purges from one stage. */
typedef struct {
    /* Synchronization: any thread adds: these fields. */
    _Atomic uint64_t npasses; /* passes that took pages */
    _Atomic uint64_t ncalls;  /* calls of the system or of hooks */
    _Atomic uint64_t npages;
} purge_counters_t;

typedef struct stage {
    extents_t extents;                    /* Synchronization: its own. */
    struct stage *next;                   /* Synchronization: constant; receives lazily purged pages; NULL: none. */
    decay_t decay GUARDED_BY(role_decay); /* the curve */
    _Atomic int64_t decay_ms;             /* Synchronization: written under decay_lock, read at any time; decay.ms. */
    _Atomic uint64_t entered_at;          /* Synchronization: any thread; ns; when pages last entered; 0: never;
                                             UINT64_MAX: not kept, as for muzzy pages. */
    purge_counters_t purges;              /* Synchronization: its own. */
} stage_t;

/* Zeroed memory becomes an empty stage whose pages are due at once. */
void stage_init(stage_t *stage, uint32_t arena, extent_state_t state, lock_rank_t rank) REQUIRES(role_decay);

/* Advances the curve to `now`. Returns the pages that may stay; SIZE_MAX: any number. */
size_t stage_advance(stage_t *stage, uint64_t now) REQUIRES(role_decay);
/* Pages beyond those that may stay, at the latest advance. */
static inline size_t
stage_excess(const stage_t *stage, size_t allowed) REQUIRES(role_decay) {
    return stage->decay.last > allowed ? stage->decay.last - allowed : 0;
}
/* Sets the decay time, -1 .. DECAY_MS_MAX. */
void stage_set_decay_ms(stage_t *stage, int64_t ms, uint64_t now) REQUIRES(role_decay);
/* When time alone makes enough pages due to be worth a purge; UINT64_MAX: never. */
uint64_t stage_due(const stage_t *stage) REQUIRES(role_decay);

/* The fewest pages that are worth a system call. */
#define STAGE_LEAST_PAGES 16
/* The same of this stage: with huge pages, half of one, so that rounding up to whole ones stays close to the curve. */
size_t stage_least_pages(const stage_t *stage);

/* Pages that time makes due. With a decay time of -1 or 0 there are none. */
static inline size_t
stage_decaying_pages(const stage_t *stage) {
    return atomic_get(&stage->decay_ms) > 0 ? extents_purgeable(&stage->extents) : 0;
}

/* The pages of a stage, compared with its curve at some time. */
typedef struct {
    size_t allowed; /* pages that may stay; SIZE_MAX: any number */
    size_t over;    /* pages beyond it, which the next pass purges */
    uint64_t due;   /* when time alone makes the next pass purge something; UINT64_MAX: never */
} stage_forecast_t;

/* Reads only: the curve of the stage itself does not advance. */
stage_forecast_t stage_forecast(const stage_t *stage, uint64_t now) REQUIRES(role_decay);

#endif

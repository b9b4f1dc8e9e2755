/*
 * sampled.c -- sampled allocations of any class (sample.h): an extent each. Part of arena.h's contract.
 *
 * Most samples are of small classes and take one page. To cut a page from a free extent and to merge it again takes
 * about ten times as many instructions as to take one that is there. So an automatic arena keeps the pages of a few
 * freed samples for its next ones. A kept extent is busy, and counts among the active pages; arena_drop_kept frees all.
 */
#include "arena/arena.h"
#include "arena/page_watch.h"
#include "arena/sample.h"
#include "base/witness.h"

/* Most extents that an arena keeps. */
#define KEPT_MAX 8

/* ---- kept extents ---- */

static extent_t *
pop_kept(arena_t *arena) REQUIRES(role_extents) {
    extent_t *e = arena->kept;
    if (e != NULL) {
        arena->kept = e->sample;
        counter_add(&arena->nkept, (uint32_t)-1);
    }
    return e;
}

/* Makes a kept extent active, as requested. NULL if none is kept or if it does not fit. */
static extent_t *
reuse_kept(arena_t *arena, const pa_request_t *request) {
    extents_t *dirty = &arena->pages.dirty.extents;
    if (request->size != sc.page || request->alignment != sc.page || atomic_get(&arena->nkept) == 0) {
        return NULL;
    }
    extents_lock(dirty);
    extent_t *e = pop_kept(arena);
    if (e != NULL) {
        e->szind = request->szind;
        extent_set_state(e, extent_active);
    }
    extents_unlock(dirty);
    return e;
}

/* Whether an extent may wait here: not if the arena is to give free pages back at once, or its huge pages whole, or all
 * of its memory together. */
static bool
may_keep(arena_t *arena, const extent_t *e) {
    page_alloc_t *pa = &arena->pages;
    return atomic_get(&sampling) && e->size == sc.page && !e->guarded && atomic_get(&arena->nkept) < KEPT_MAX &&
           !atomic_get(&arena->manual) && !atomic_get(&pa->no_retain) && pa_hugepage_size(pa) == 0 &&
           atomic_get(&pa->dirty_max) < 0 && atomic_get(&pa->dirty.decay_ms) != 0;
}

bool
arena_keep_sampled(arena_t *arena, extent_t *e) {
    witness_no_core_lock();
    extents_t *dirty = &arena->pages.dirty.extents;
    if (!may_keep(arena, e)) {
        return false;
    }
    extents_lock(dirty);
    extent_set_busy(e);
    e->sample = arena->kept;
    arena->kept = e;
    counter_add(&arena->nkept, 1);
    extents_unlock(dirty);
    return true;
}

void
arena_drop_kept(arena_t *arena) {
    witness_no_core_lock();
    extents_t *dirty = &arena->pages.dirty.extents;
    while (atomic_get(&arena->nkept) > 0) {
        extents_lock(dirty);
        extent_t *e = pop_kept(arena);
        extents_unlock(dirty);
        if (e != NULL) {
            pa_dalloc(&arena->pages, e);
        }
    }
}

/* ---- allocation ---- */

void *
arena_malloc_sampled(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    if (!sampler_get()->wants()) {
        return NULL;
    }
    pa_request_t request = {
        .size = align_up(sc.size[szind], sc.page),
        .alignment = alignment < sc.page ? sc.page : alignment,
        .szind = szind,
        .zeroed = *zeroed,
    };
    extent_t *e = reuse_kept(arena, &request);
    bool kept = e != NULL;
    e = kept ? e : pa_alloc(&arena->pages, &request);
    *zeroed = request.zeroed && !kept;
    if (e == NULL) {
        return NULL;
    }
    atomic_add(&arena->nmalloc_large[szind], 1);
    page_watch_tell(page_allocated, e, request.alignment);
    e->sample = sampler_get()->allocated(e);
    if (e->sample == NULL) {
        atomic_add(&arena->ndalloc_large[szind], 1);
        page_watch_tell(page_freed, e, 1);
        pa_dalloc(&arena->pages, e);
        return NULL;
    }
    return (void *)e->addr;
}

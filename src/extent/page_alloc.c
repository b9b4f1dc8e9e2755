/* page_alloc.c -- where an allocation's pages are from, in order of preference; and the way back to the dirty ones. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/dirty_limits.h"
#include "extent/guard.h"
#include "extent/hugepage.h"
#include "extent/prefault.h"
#include "extent/purge.h"
#include "extent/purger.h"
#include "extent/region.h"
#include "extent/region_release.h"
#include "extent/remap.h"
#include "extent/trim_to_peak.h"
#include "os/thread.h"

/* Extents of a list that are freed while the lock is held once. */
#define DALLOC_AT_ONCE 16

/* ---- one source of pages ----------------------------------------------------------------------------------------- */

/* Makes e active, with the request's class, and tells whether it reads as zeros. The user writes to it from now on. */
static void
activate(extent_t *e, pa_request_t *request) REQUIRES(role_extents) {
    e->szind = request->szind;
    e->slab = request->slab;
    atomic_set(&e->bin, NULL);
    request->zeroed = e->zeroed;
    e->zeroed = false;
    extent_set_state(e, extent_active);
}

/* Commits busy e and makes it active. If the pages cannot be committed, e becomes free in x. */
static extent_t *
commit_and_activate(page_alloc_t *pa, extents_t *x, extent_t *e, pa_request_t *request) {
    bool committed = e->committed || hook_commit(pa_hooks(pa), (void *)e->addr, e->size, pa->arena);
    extents_lock(x);
    e->committed = committed;
    if (committed) {
        activate(e, request);
    } else {
        pa_insert(pa, x, e);
    }
    extents_unlock(x);
    return committed ? e : NULL;
}

/* The best fit of one collection, cut to size. The collection is not locked if it is empty. */
static extent_t *
alloc_from(page_alloc_t *pa, extents_t *x, pa_request_t *request) {
    if (atomic_get(&x->count) == 0) {
        return NULL;
    }
    extents_lock(x);
    extent_t *e = extents_fit_active(x, request->size, request->alignment);
    if (e != NULL) {
        extents_remove(x, e);
        e = pa_carve(pa, x, e, align_up(e->addr, request->alignment), request->size);
    }
    bool ready = e != NULL && e->committed;
    if (ready) {
        activate(e, request);
    }
    extents_unlock(x);
    return e == NULL || ready ? e : commit_and_activate(pa, x, e, request);
}

/* A part of a new region; if the split hook refuses, a whole region of just this size. */
static extent_t *
alloc_from_new_region(page_alloc_t *pa, pa_request_t *request) {
    extent_t *e = pa_new_region(pa, request->size, request->alignment, false, pa_release_unused);
    if (e == NULL) {
        return NULL;
    }
    extents_lock(&pa->retained);
    e = pa_carve(pa, &pa->retained, e, align_up(e->addr, request->alignment), request->size);
    extents_unlock(&pa->retained);
    if (UNLIKELY(e == NULL)) {
        e = pa_new_region(pa, request->size, request->alignment, true, pa_release_unused);
    }
    return e == NULL ? NULL : commit_and_activate(pa, &pa->retained, e, request);
}

/* ---- the order of sources ---------------------------------------------------------------------------------------- */

extent_t *
pa_alloc_untouched(page_alloc_t *pa, pa_request_t *request) {
    witness_no_core_lock();
    extent_t *e = alloc_from(pa, &pa->retained, request);
    return e == NULL ? alloc_from_new_region(pa, request) : e;
}

/* A large extent whose memory is that of dirty ones, as far as there are any. */
static extent_t *
alloc_remapped(page_alloc_t *pa, pa_request_t *request) {
    extent_t *e = pa_alloc_untouched(pa, request);
    bool touched = false;
    if (e != NULL && !pa_remap(pa, e, 0, &touched)) {
        return pa_alloc_untouched(pa, request);
    }
    request->zeroed = request->zeroed && !touched;
    return e;
}

/* Pages of which at least some are not resident. */
static extent_t *
alloc_fresh(page_alloc_t *pa, pa_request_t *request) {
    if (request->size >= REMAP_MIN && !request->zeroed && pa_may_remap(pa, request->size)) {
        return alloc_remapped(pa, request);
    }
    bool across = atomic_get(&pa->dirty.extents.count) > 0 && request->alignment <= sc.page;
    extent_t *e = across ? pa_coalesce_across(pa, request->size) : NULL;
    return e == NULL ? pa_alloc_untouched(pa, request) : commit_and_activate(pa, &pa->dirty.extents, e, request);
}

/* From a batch of fresh pages, for a slab. */
static extent_t *
alloc_prefaulted(page_alloc_t *pa, pa_request_t *request) {
    bool made = request->slab && pa_may_prefault(pa) && pa_prefault(pa, request->size);
    return made ? alloc_from(pa, &pa->dirty.extents, request) : NULL;
}

/* Dirty pages first, since they are resident; muzzy ones may still be. */
static extent_t *
alloc_from_any(page_alloc_t *pa, pa_request_t *request) {
    extent_t *e = alloc_from(pa, &pa->dirty.extents, request);
    if (e == NULL) {
        e = alloc_from(pa, &pa->muzzy.extents, request);
    }
    if (e == NULL) {
        e = alloc_prefaulted(pa, request);
        e = e == NULL ? alloc_fresh(pa, request) : e;
        if (UNLIKELY(pa_exceeds_peak(pa))) {
            pa_trim_to_peak(pa);
        }
    }
    return e;
}

/* ---- guard pages ------------------------------------------------------------------------------------------------- */

/* An extent whose last page, in addition to the size, is a guard; NULL if that cannot be. */
static extent_t *
alloc_guarded(page_alloc_t *pa, const pa_request_t *request, bool *zeroed) {
    if (!guard_available()) {
        return NULL;
    }
    pa_request_t larger = *request;
    larger.size += sc.page;
    extent_t *e = alloc_from_any(pa, &larger);
    if (e != NULL && !guard_add(pa, e) && !pa_shrink(pa, e, request->size, request->szind)) {
        pa_dalloc(pa, e);
        return NULL;
    }
    *zeroed = larger.zeroed;
    return e;
}

/* With a guard page if there can be one; without one rather than not at all. */
static extent_t *
alloc_wanting_guard(page_alloc_t *pa, pa_request_t *request) {
    bool zeroed = false;
    extent_t *e = alloc_guarded(pa, request, &zeroed);
    if (e == NULL) {
        e = alloc_from_any(pa, request);
    } else {
        request->zeroed = zeroed;
    }
    atomic_add(&pa->missing_guards, e != NULL && !e->guarded);
    return e;
}

/* The extent is freed together with its guard page. */
static void
dalloc_guarded(page_alloc_t *pa, extent_t *e) {
    if (guard_remove(pa, e)) {
        pa_dalloc(pa, e);
    } else {
        guard_retain(pa, e);
    }
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* Mostly this is a load and a test. */
static inline void
tell_purger(page_alloc_t *pa, size_t size) {
    if (UNLIKELY(atomic_get(&pa_purger_grows))) {
        pa_purger_grow(pa, size);
    }
}

extent_t *
pa_alloc(page_alloc_t *pa, pa_request_t *request) {
    witness_no_core_lock();
    tell_purger(pa, request->size);
    bool guard = UNLIKELY(atomic_get(&pa->guard)) && pa_hooks(pa) == NULL;
    extent_t *e = guard ? alloc_wanting_guard(pa, request) : alloc_from_any(pa, request);
    check(e == NULL || (extent_usable(e) == request->size && (e->addr & (request->alignment - 1)) == 0));
    return e;
}

extent_t *
pa_reuse(page_alloc_t *pa, pa_request_t *request) {
    witness_no_core_lock();
    if (atomic_get(&pa->guard) || atomic_get(&pa->dirty.extents.npages) < request->size >> sc.config.lg_page) {
        return NULL;
    }
    tell_purger(pa, request->size);
    return alloc_from(pa, &pa->dirty.extents, request);
}

void
pa_dalloc(page_alloc_t *pa, extent_t *e) {
    witness_no_core_lock();
    if (UNLIKELY(e->guarded)) {
        dalloc_guarded(pa, e);
        return;
    }
    if (UNLIKELY(pa_hugepage_size(pa) != 0)) {
        pa_gather(pa, e->addr, extent_end(e));
    }
    if (UNLIKELY(pa_is_oversize(pa, e->size))) {
        pa_purge_freed(pa, e);
        return;
    }
    extents_lock(&pa->dirty.extents);
    pa_insert(pa, &pa->dirty.extents, e);
    extents_unlock(&pa->dirty.extents);
    pa_dirtied(pa);
}

/* Does e become dirty as it is? */
static bool
is_plain(page_alloc_t *pa, const extent_t *e) {
    return LIKELY(!e->guarded) && LIKELY(pa_hugepage_size(pa) == 0) && LIKELY(!pa_is_oversize(pa, e->size));
}

/* Frees the first extents of a list while they are plain, and not so many that another thread waits for long. */
static void
dalloc_some(page_alloc_t *pa, list_t *freed) {
    extents_lock(&pa->dirty.extents);
    for (uint32_t n = 0; n < DALLOC_AT_ONCE && !list_empty(freed); n++) {
        extent_t *e = container_of(freed->next, extent_t, link);
        if (!is_plain(pa, e)) {
            break;
        }
        list_remove(&e->link);
        pa_insert(pa, &pa->dirty.extents, e);
    }
    extents_unlock(&pa->dirty.extents);
    pa_dirtied(pa);
}

void
pa_dalloc_list(page_alloc_t *pa, list_t *freed) {
    witness_no_core_lock();
    while (!list_empty(freed)) {
        extent_t *e = container_of(freed->next, extent_t, link);
        if (LIKELY(is_plain(pa, e))) {
            dalloc_some(pa, freed);
        } else {
            list_remove(&e->link);
            pa_dalloc(pa, e);
        }
    }
}

bool
pa_shrink(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    if (UNLIKELY(pa_hugepage_size(pa) != 0)) {
        pa_gather(pa, e->addr + size, extent_end(e));
    }
    extents_lock(&pa->dirty.extents);
    extent_t *rest = pa_split(pa, &pa->dirty.extents, e, size);
    if (rest != NULL) {
        e->szind = szind;
        pa_insert(pa, &pa->dirty.extents, rest);
    }
    extents_unlock(&pa->dirty.extents);
    if (rest != NULL) {
        pa_dirtied(pa);
    }
    return rest != NULL;
}

/* Free pages become retained, and regions that are wholly retained are destroyed. */
static void
purge_and_release_unused(page_alloc_t *pa) {
    pa_purge_all(pa);
    pa_destroy_unused(pa);
}

/* A pass of decay in another thread may hold some extents: they will be retained soon. */
void
pa_release_all(page_alloc_t *pa) {
    witness_no_core_lock();
    purge_and_release_unused(pa);
    while (atomic_get(&pa->mapped) != 0) {
        os_thread_yield();
        purge_and_release_unused(pa);
    }
    extents_t *collections[] = {&pa->dirty.extents, &pa->muzzy.extents, &pa->retained};
    for (unsigned i = 0; i < 3; i++) {
        extents_drop_spare(collections[i]);
    }
}

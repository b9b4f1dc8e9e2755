/*
 * page_alloc.c -- allocation, deallocation, and resizing in place. Cutting and joining are coalesce.c's, regions
 * region.c's, purging purge.c's, huge pages hugepage.c's, checking page_check.c's.
 */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/mappings.h"
#include "extent/pagemap.h"

#define REGION_MIN ((size_t)1 << 20)

void
pa_init(page_alloc_t *pa, uint32_t arena) {
    pa->arena = arena;
    extents_init(&pa->dirty, arena, extent_dirty, RANK_DIRTY);
    extents_init(&pa->muzzy, arena, extent_muzzy, RANK_MUZZY);
    extents_init(&pa->retained, arena, extent_retained, RANK_RETAINED);
    extents_lock(&pa->retained);
    pa->next_size = config_torture ? sc.page : REGION_MIN;
    extents_unlock(&pa->retained);
    lock_init(&pa->decay_lock, RANK_DECAY);
    pa_lock_decay(pa);
    decay_init(&pa->dirty_decay, 0, 0);
    decay_init(&pa->muzzy_decay, 0, 0);
    pa_unlock_decay(pa);
    atomic_set(&pa->dirty_max, -1);
}

static void
activate(extent_t *e, uint32_t szind, bool slab, bool *zeroed) REQUIRES(role_extents) {
    e->szind = szind;
    e->slab = slab;
    atomic_set(&e->bin, NULL);
    *zeroed = e->zeroed;
    e->zeroed = false;
    extent_set_state(e, extent_active);
}

/* Makes busy e usable and active; on failure it goes to x. */
static extent_t *
commit_and_activate(page_alloc_t *pa, extents_t *x, extent_t *e, uint32_t szind, bool slab, bool *zeroed) {
    bool committed = e->committed || hook_commit(pa_hooks(pa), (void *)e->addr, e->size, pa->arena);
    extents_lock(x);
    e->committed = committed;
    if (committed) {
        activate(e, szind, slab, zeroed);
    } else {
        pa_insert(pa, x, e);
    }
    extents_unlock(x);
    return committed ? e : NULL;
}

extent_t *
pa_fit(page_alloc_t *pa, extents_t *x, size_t size, size_t alignment) {
    extent_t *e = extents_fit(x, size, alignment);
    bool cuts = e == NULL || e->size >> options.lg_extent_max_active_fit <= size || x != &pa->dirty;
    return LIKELY(cuts) ? e : NULL;
}

static extent_t *
take(page_alloc_t *pa, extents_t *x, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    if (atomic_get(&x->count) == 0) {
        return NULL;
    }
    extents_lock(x);
    extent_t *e = pa_fit(pa, x, size, alignment);
    if (e != NULL) {
        extents_remove(x, e);
        e = pa_carve(pa, x, e, align_up(e->addr, alignment), size);
    }
    bool ready = e != NULL && e->committed;
    if (ready) {
        activate(e, szind, slab, zeroed);
    }
    extents_unlock(x);
    return e == NULL || ready ? e : commit_and_activate(pa, x, e, szind, slab, zeroed);
}

/* Part of a new region; if that may not be cut, a region of just this size. */
static extent_t *
grow(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    extent_t *e = pa_new_region(pa, size, alignment, false);
    if (e == NULL) {
        return NULL;
    }
    extents_lock(&pa->retained);
    e = pa_carve(pa, &pa->retained, e, align_up(e->addr, alignment), size);
    extents_unlock(&pa->retained);
    if (UNLIKELY(e == NULL)) {
        e = pa_new_region(pa, size, alignment, true);
    }
    return e == NULL ? NULL : commit_and_activate(pa, &pa->retained, e, szind, slab, zeroed);
}

/* With less, a process need not have a second thread: some system calls insist on a single one. */
#define PURGER_WORTH ((size_t)1 << 20)

/* Here, and not where pages are freed: a thread may be freeing inside of its system's own thread management, whose
 * locks the start of a thread would need. So it starts before there is anything to purge, once enough may be. */
static inline void
start_purger(page_alloc_t *pa, size_t size) {
    const pa_purger_t *purger = atomic_get_acquire(&pa_purger);
    if (UNLIKELY(purger != NULL) && (pa_resident_pages(pa) << sc.config.lg_page) + size >= PURGER_WORTH) {
        purger->start();
    }
}

static extent_t *
take_untouched(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    extent_t *e = take(pa, &pa->retained, size, alignment, szind, slab, zeroed);
    return e == NULL ? grow(pa, size, alignment, szind, slab, zeroed) : e;
}

extent_t *
pa_alloc_untouched(page_alloc_t *pa, size_t size, uint32_t szind, bool *zeroed) {
    witness_no_core_lock();
    return take_untouched(pa, size, sc.page, szind, false, zeroed);
}

/* Pages of which some at least are not resident where they are. */
static extent_t *
take_fresh(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    bool remap = !*zeroed && pa_may_remap(pa, size);
    extent_t *e = remap || alignment > sc.page ? NULL : pa_coalesce_across(pa, size);
    if (e != NULL) {
        return commit_and_activate(pa, &pa->dirty, e, szind, slab, zeroed);
    }
    e = take_untouched(pa, size, alignment, szind, slab, zeroed);
    bool touched = false;
    if (e != NULL && remap && !pa_remap(pa, e, 0, &touched)) {
        return take_untouched(pa, size, alignment, szind, slab, zeroed);
    }
    *zeroed = *zeroed && !touched;
    return e;
}

static extent_t *
take_or_grow(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    extent_t *e = take(pa, &pa->dirty, size, alignment, szind, slab, zeroed);
    if (e == NULL) {
        e = take(pa, &pa->muzzy, size, alignment, szind, slab, zeroed);
    }
    if (e == NULL) {
        e = take_fresh(pa, size, alignment, szind, slab, zeroed);
        pa_trim_to_peak(pa);
    }
    return e;
}

static void *
guard_page(const extent_t *e) {
    return (void *)(extent_end(e) - sc.page);
}

static void
set_guarded(page_alloc_t *pa, extent_t *e, bool guarded) {
    extents_lock(&pa->dirty);
    e->guarded = guarded;
    extents_unlock(&pa->dirty);
    atomic_add(&pa->nguards, guarded ? 1 : (size_t)-1);
}

/* Makes the last page a guard. False: there are too many, or the system refuses. */
static bool
add_guard(page_alloc_t *pa, extent_t *e) {
    bool done = mappings_add_guard();
    if (done && !pages_guard(guard_page(e), sc.page)) {
        mappings_remove_guard();
        done = false;
    }
    if (done) {
        set_guarded(pa, e, true);
    }
    return done;
}

/* An extent whose last page, beyond what was asked for, is a guard; NULL if that cannot be. */
static extent_t *
alloc_guarded(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    if (!mappings_has_guards()) {
        return NULL;
    }
    extent_t *e = take_or_grow(pa, size + sc.page, alignment, szind, slab, zeroed);
    if (e != NULL && !add_guard(pa, e) && !pa_shrink(pa, e, size, szind)) {
        pa_dalloc(pa, e);
        e = NULL;
    }
    return e;
}

/* With a guard if there is to be one and can be; without one rather than not at all. */
static extent_t *
alloc_wanting_guard(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    bool wanted = *zeroed;
    extent_t *e = alloc_guarded(pa, size, alignment, szind, slab, zeroed);
    if (e == NULL) {
        *zeroed = wanted;
        e = take_or_grow(pa, size, alignment, szind, slab, zeroed);
    }
    atomic_add(&pa->nunguarded, e != NULL && !e->guarded);
    return e;
}

/* Where a guard cannot be made accessible, as when RLIMIT_DATA has been lowered, all of e has to be committed anew. */
static void
retain_uncommitted(page_alloc_t *pa, extent_t *e) {
    bool given = pages_decommit((void *)e->addr, e->size) || pages_purge_forced((void *)e->addr, e->size);
    extents_lock(&pa->retained);
    e->committed = false;
    e->zeroed = given;
    pa_insert(pa, &pa->retained, e);
    extents_unlock(&pa->retained);
}

static void
free_guarded(page_alloc_t *pa, extent_t *e) {
    bool accessible = pages_unguard(guard_page(e), sc.page);
    set_guarded(pa, e, false);
    mappings_remove_guard();
    if (accessible) {
        pa_dalloc(pa, e);
    } else {
        retain_uncommitted(pa, e);
    }
}

extent_t *
pa_alloc(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    witness_no_core_lock();
    start_purger(pa, size);
    bool guard = UNLIKELY(atomic_get(&pa->guard)) && pa_hooks(pa) == NULL;
    extent_t *e = guard ? alloc_wanting_guard(pa, size, alignment, szind, slab, zeroed)
                        : take_or_grow(pa, size, alignment, szind, slab, zeroed);
    check(e == NULL || (extent_usable(e) == size && (e->addr & (alignment - 1)) == 0));
    return e;
}

extent_t *
pa_reuse(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool *zeroed) {
    witness_no_core_lock();
    if (atomic_get(&pa->guard) || atomic_get(&pa->dirty.npages) < size >> sc.config.lg_page) {
        return NULL;
    }
    start_purger(pa, size);
    return take(pa, &pa->dirty, size, alignment, szind, false, zeroed);
}

/* To be purged at once, where anything ever is, and huge pages are not to stay whole. A threshold of 0 wraps. */
static inline bool
is_oversize(page_alloc_t *pa, const extent_t *e) {
    return atomic_get(&pa->oversize) - 1 < e->size && atomic_get(&pa->dirty_decay_ms) >= 0 && pa_hugepage_size(pa) == 0;
}

void
pa_dalloc(page_alloc_t *pa, extent_t *e) {
    witness_no_core_lock();
    if (UNLIKELY(e->guarded)) {
        free_guarded(pa, e);
        return;
    }
    if (UNLIKELY(pa_hugepage_size(pa) != 0)) {
        pa_gather(pa, e->addr, extent_end(e));
    }
    if (UNLIKELY(is_oversize(pa, e))) {
        pa_purge_freed(pa, e);
        return;
    }
    extents_lock(&pa->dirty);
    pa_insert(pa, &pa->dirty, e);
    extents_unlock(&pa->dirty);
    pa_dirtied(pa);
}

/* Takes up to `want` bytes that start at addr from x, busy; NULL if x has nothing there that may merge leftward. */
static extent_t *
take_behind(page_alloc_t *pa, extents_t *x, uintptr_t addr, size_t want) {
    extents_lock(x);
    extent_t *e = extents_member_starting(x, addr);
    if (e != NULL && e->is_head) {
        e = NULL;
    }
    if (e != NULL) {
        extents_remove(x, e);
        e = pa_carve(pa, x, e, addr, want < e->size ? want : e->size);
    }
    extents_unlock(x);
    return e;
}

/* The collection of what starts at addr, as a look without a lock shows it; NULL if that is not free. */
static extents_t *
collection_behind(page_alloc_t *pa, uintptr_t addr) {
    const extent_t *e = pagemap_extent(addr);
    uint32_t owner = e == NULL ? 0 : atomic_get(&e->owner);
    extents_t *all[] = {&pa->dirty, &pa->muzzy, &pa->retained};
    for (unsigned i = 0; i < 3; i++) {
        if (owner == extent_owner(pa->arena, all[i]->state)) {
            return all[i];
        }
    }
    return NULL;
}

/* The same of any collection. Fresh pages that complete what is wanted get memory that is idle elsewhere. */
static extent_t *
take_behind_any(page_alloc_t *pa, uintptr_t addr, size_t want) {
    extents_t *x = collection_behind(pa, addr);
    extent_t *e = x == NULL ? NULL : take_behind(pa, x, addr, want);
    if (e != NULL && !e->committed) {
        bool committed = hook_commit(pa_hooks(pa), (void *)e->addr, e->size, pa->arena);
        extents_lock(&pa->retained);
        e->committed = committed;
        if (!committed) {
            pa_insert(pa, &pa->retained, e);
            e = NULL;
        }
        extents_unlock(&pa->retained);
    }
    bool touched;
    return e != NULL && x == &pa->retained && e->size == want && !pa_remap(pa, e, 0, &touched) ? NULL : e;
}

/* Appends busy `piece` to busy `run`; if that is refused, both become free again. */
static bool
append(page_alloc_t *pa, extent_t *run, extent_t *piece) {
    extents_lock(&pa->dirty);
    bool joined = pa_join(pa, &pa->dirty, run, piece);
    extents_unlock(&pa->dirty);
    if (!joined) {
        pa_dalloc(pa, piece);
        pa_dalloc(pa, run);
    }
    return joined;
}

/* size bytes from addr on, busy, out of whatever is free there. NULL if not all of it is; then all is free again. */
static extent_t *
take_run(page_alloc_t *pa, uintptr_t addr, size_t size) {
    extent_t *run = take_behind_any(pa, addr, size);
    while (run != NULL && run->size < size) {
        extent_t *piece = take_behind_any(pa, extent_end(run), size - run->size);
        if (piece == NULL) {
            pa_dalloc(pa, run);
            return NULL;
        }
        run = append(pa, run, piece) ? run : NULL;
    }
    return run;
}

/* What is needed is there before e is touched: to cut e back would take a descriptor, and an arena's hooks may refuse
 * to. */
bool
pa_expand(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    extent_t *run = take_run(pa, extent_end(e), size - e->size);
    if (run == NULL) {
        return false;
    }
    extents_lock(&pa->dirty);
    bool joined = pa_join(pa, &pa->dirty, e, run);
    e->szind = joined ? szind : e->szind;
    extents_unlock(&pa->dirty);
    if (!joined) {
        pa_dalloc(pa, run);
    }
    pa_trim_to_peak(pa);
    return joined;
}

bool
pa_shrink(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    if (UNLIKELY(pa_hugepage_size(pa) != 0)) {
        pa_gather(pa, e->addr + size, extent_end(e));
    }
    extents_lock(&pa->dirty);
    extent_t *rest = pa_split(pa, &pa->dirty, e, size);
    if (rest != NULL) {
        e->szind = szind;
        pa_insert(pa, &pa->dirty, rest);
    }
    extents_unlock(&pa->dirty);
    if (rest != NULL) {
        pa_dirtied(pa);
    }
    return rest != NULL;
}

void
pa_lock_layout(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_acquire(&pa->dirty.lock);
    lock_acquire(&pa->muzzy.lock);
    lock_acquire(&pa->retained.lock);
}

void
pa_unlock_layout(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_release(&pa->retained.lock);
    lock_release(&pa->muzzy.lock);
    lock_release(&pa->dirty.lock);
}

void
pa_prefork_decay(page_alloc_t *pa) {
    lock_prefork_sibling(&pa->decay_lock);
}

static extents_t *
collection(page_alloc_t *pa, extent_state_t state) {
    return state == extent_dirty ? &pa->dirty : state == extent_muzzy ? &pa->muzzy : &pa->retained;
}

void
pa_prefork_extents(page_alloc_t *pa, extent_state_t state) {
    lock_prefork_sibling(&collection(pa, state)->lock);
}

void
pa_postfork(page_alloc_t *pa, bool child) {
    lock_t *locks[] = {&pa->retained.lock, &pa->muzzy.lock, &pa->dirty.lock, &pa->decay_lock};
    for (unsigned i = 0; i < 4; i++) {
        lock_postfork(locks[i], child);
    }
}

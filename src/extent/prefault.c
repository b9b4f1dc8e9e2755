/* prefault.c -- how large a batch is, where it lies, and what becomes of its rest. */
#include "extent/prefault.h"

#include "base/options.h"
#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/dirty_limits.h"
#include "extent/mappings.h"
#include "os/pages.h"
#include "os/populate.h"

/* No more than this part of the cap on dirty pages. */
#define CAP_SHARE 8

/* ---- the size of a batch ---- */

/* Pages of a huge page, where one is a whole table of page table entries of 8 bytes each. */
static size_t
huge_pages(void) {
    return sc.page / 8;
}

static bool
may_be_huge(page_alloc_t *pa, size_t huge) {
    return huge <= atomic_get(&options.prefault) && atomic_get(&pa->thp) != pages_thp_never;
}

/* May so many bytes of the arena become dirty that nobody freed? */
static bool
may_add_dirty(page_alloc_t *pa, size_t bytes) {
    bool kept = atomic_get(&pa->dirty.decay_ms) != 0 && !atomic_get(&pa->no_retain);
    return kept && pa_hooks(pa) == NULL && pa_hugepage_size(pa) == 0 &&
           (size_t)atomic_get(&pa->dirty_max) / CAP_SHARE >= bytes;
}

/* The most pages that a batch may have at present. */
static size_t
most_pages(page_alloc_t *pa) {
    size_t share = pa_resident_pages(pa) / PREFAULT_SHARE;
    size_t option = atomic_get(&options.prefault) >> sc.config.lg_page;
    return share < option ? share : option;
}

/* The pages of the next batch. */
static size_t
next_pages(page_alloc_t *pa) {
    size_t last = pa->prefault.last, most = most_pages(pa);
    uint64_t purged = atomic_get(&pa->dirty.purges.npages);
    bool steady = last != 0 && purged - pa->prefault.purged < last / 2 + 1;
    size_t next = steady ? last * 2 : PREFAULT_LEAST;
    pa->prefault.purged = purged;
    pa->prefault.last = next < most ? next : most;
    return pa->prefault.last;
}

/* ---- the pages ---- */

/* A committed part of a retained extent, busy; NULL if none is large enough. */
static extent_t *
take_retained(page_alloc_t *pa, size_t size, size_t alignment) {
    extents_t *x = &pa->retained;
    extents_lock(x);
    extent_t *e = extents_fit(x, size, alignment);
    if (e != NULL && e->committed) {
        extents_remove(x, e);
        e = pa_carve(pa, x, e, align_up(e->addr, alignment), size);
    } else {
        e = NULL;
    }
    extents_unlock(x);
    return e;
}

/* A huge page has other advice than what surrounds it: it is a mapping of its own, or lengthens the one before. */
static void
count_mapping(page_alloc_t *pa, const extent_t *e) {
    if (e->addr == pa->prefault.huge_end) {
        mappings_extended(e->addr, e->size);
    } else {
        mappings_moved(e->addr, e->size);
    }
    pa->prefault.huge_end = extent_end(e);
}

/* Fresh pages for a batch, or for a smaller one where address space is short. */
static extent_t *
take_fresh(page_alloc_t *pa, size_t pages, size_t size, bool *huge) {
    size_t bytes = huge_pages() << sc.config.lg_page;
    bool may = pages >= huge_pages() / 2 && may_be_huge(pa, bytes) && mappings_may_move();
    extent_t *e = may ? take_retained(pa, bytes, bytes) : NULL;
    *huge = e != NULL;
    bytes = (pages < PREFAULT_SMALL ? pages : PREFAULT_SMALL) << sc.config.lg_page;
    return e == NULL && bytes >= 2 * size ? take_retained(pa, bytes, sc.page) : e;
}

/* ---- huge pages behind the growth ---- */

/* Bytes that were given back or moved so far. */
static uint64_t
bytes_taken(page_alloc_t *pa) {
    return atomic_get(&pa->purged_bytes) + atomic_get(&pa->remapped_bytes) + atomic_get(&pa->relocated_bytes);
}

/* Adds a batch to the run, or begins one with it: a run is contiguous, and all of it is resident. */
static void
extend_run(page_alloc_t *pa, const extent_t *e) {
    prefault_t *p = &pa->prefault;
    uint64_t taken = bytes_taken(pa);
    if (p->run_end != e->addr || p->taken != taken) {
        p->run_start = e->addr;
        p->taken = taken;
    }
    p->run_end = extent_end(e);
}

/* Makes huge pages of the small ones, where the run covers all of them. */
static void
collapse_run(page_alloc_t *pa) {
    prefault_t *p = &pa->prefault;
    size_t huge = huge_pages() << sc.config.lg_page;
    bool may = !p->no_collapse && may_be_huge(pa, huge) && pa_resident_pages(pa) >= PREFAULT_HUGE * huge_pages();
    uintptr_t start = align_up(p->run_start, huge);
    for (; may && start + huge <= p->run_end; start += huge) {
        may = pages_collapse((void *)start, huge);
        p->no_collapse = !may;
        p->run_start = start + huge;
    }
}

/* ---- a batch ---- */

/* Makes huge pages of what was populated, where that is due. */
static void
note_batch(page_alloc_t *pa, const extent_t *e, bool huge) {
    if (huge) {
        count_mapping(pa, e);
    } else {
        extend_run(pa, e);
        collapse_run(pa);
    }
}

/* The batch becomes free, together with what is left of the last one. */
static bool
make_batch(page_alloc_t *pa, size_t size) {
    bool huge;
    extent_t *e = take_fresh(pa, next_pages(pa), size, &huge);
    if (e == NULL) {
        return false;
    }
    bool done = pages_populate((void *)e->addr, e->size, huge);
    atomic_set(&pa->prefault.refused, !done);
    if (done) {
        note_batch(pa, e, huge);
    }
    extents_t *x = done ? &pa->dirty.extents : &pa->retained;
    extents_lock(x);
    pa_insert(pa, x, e);
    extents_unlock(x);
    return done;
}

bool
pa_prefault(page_alloc_t *pa, size_t size) {
    witness_no_core_lock();
    size_t most = most_pages(pa) << sc.config.lg_page;
    bool may = most >= 2 * size && most >> options.lg_extent_max_active_fit <= size && may_add_dirty(pa, most);
    if (!may || atomic_get(&pa->prefault.refused) ||
        atomic_exchange_explicit(&pa->prefault.busy, true, memory_order_acquire)) {
        return false;
    }
    bool made = make_batch(pa, size);
    atomic_set_release(&pa->prefault.busy, false);
    if (made) {
        pa_dirtied(pa);
    }
    return made;
}

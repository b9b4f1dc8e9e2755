/* remap.c -- chooses donors among the dirty extents, and moves their memory. */
#include "extent/remap.h"

#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/mappings.h"
#include "extent/region.h"
#include "extent/region_release.h"
#include "os/pages.h"

bool
pa_may_remap(page_alloc_t *pa, size_t size) {
    witness_no_core_lock();
    return size >= REMAP_MIN && pa_hooks(pa) == NULL && pa_hugepage_size(pa) == 0 && pages_can_move();
}

/* The first member of a class of at most that many pages, the largest such; NULL if all are too small. */
static extent_t *
largest_within(extents_t *x, size_t npages) REQUIRES(role_extents) {
    uint32_t least = sc_page_class_floor(REMAP_MIN >> sc.config.lg_page);
    for (uint32_t i = sc_page_class_floor(npages) + 1; i-- > least;) {
        if (bitmap_has(x->nonempty, i)) {
            return container_of(heap_first(&x->heaps[i]), extent_t, fit);
        }
    }
    return NULL;
}

/* Cuts busy e to `size` bytes; the rest stays in x. NULL if no descriptor can be allocated: all of
 * e stays. */
static extent_t *
cut_to_size(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size) REQUIRES(role_extents) {
    extent_t *rest = pa_split_no_hook(pa, x, e, size);
    extents_insert(x, rest == NULL ? e : rest);
    return rest == NULL ? NULL : e;
}

/* Takes a dirty extent, busy: one of `size` bytes if one is large enough, else the largest. NULL if none is worth
 * moving. Its target `to` does not read as zeros any more. */
static extent_t *
take_donor(page_alloc_t *pa, size_t size, extent_t *to) {
    extents_t *x = &pa->dirty.extents;
    extents_lock(x);
    extent_t *e = extents_fit_active(x, size, sc.page);
    e = e != NULL ? e : largest_within(x, size >> sc.config.lg_page);
    if (e != NULL) {
        extents_remove(x, e);
        e = e->size > size ? cut_to_size(pa, x, e, size) : e;
        to->zeroed = false;
    }
    extents_unlock(x);
    return e;
}

/* Moves a donor's memory to [e + done, + size). A donor whose memory was moved is an address range, and retained; else
 * it is dirty again. False: the range in e is lost. */
static bool
move_in(page_alloc_t *pa, extent_t *e, size_t done, extent_t *donor, bool *moved) {
    uintptr_t to = e->addr + done;
    size_t size = donor->size;
    bool lost;
    *moved = pages_move((void *)donor->addr, (void *)to, size, &lost);
    if (*moved) {
        mappings_moved(to, size);
        atomic_add(&pa->remapped_bytes, size);
    }
    pa_put(pa, *moved ? &pa->retained : &pa->dirty.extents, donor, true, *moved);
    return !lost;
}

/* [e + from, + size) is lost. The rest of e goes back to the system. */
static void
remap_lose(page_alloc_t *pa, extent_t *e, size_t from, size_t size, region_t *record) {
    uintptr_t addr = e->addr, behind = addr + from + size, end = extent_end(e);
    pa_lose(pa, e, record);
    if (from > 0) {
        pages_unmap((void *)addr, from);
    }
    if (behind < end) {
        pages_unmap((void *)behind, end - behind);
    }
}

/* Moves memory in as long as there are donors. False: e is lost, and the record is used up. */
static bool
fill_with_donors(page_alloc_t *pa, extent_t *e, size_t done, region_t *record, bool *touched) {
    bool moved = true;
    extent_t *donor;
    while (moved && e->size - done >= REMAP_MIN && (donor = take_donor(pa, e->size - done, e)) != NULL) {
        size_t size = donor->size;
        *touched = true;
        if (!move_in(pa, e, done, donor, &moved)) {
            remap_lose(pa, e, done, size, record);
            return false;
        }
        done += size;
    }
    return true;
}

/* The record that a loss needs is allocated before any memory moves. Without one, nothing moves. */
bool
pa_remap(page_alloc_t *pa, extent_t *e, size_t from, bool *touched) {
    witness_no_core_lock();
    *touched = false;
    bool may = pa_may_remap(pa, e->size - from) && mappings_may_move();
    region_t *record = may ? pa_new_record() : NULL;
    if (record == NULL) {
        return true;
    }
    bool whole = fill_with_donors(pa, e, from, record, touched);
    if (whole) {
        pa_delete_record(record);
    }
    return whole;
}

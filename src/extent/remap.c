/*
 * remap.c -- memory that changes its address: the system enters it elsewhere, in some microseconds for any size, where
 * fresh pages take a fault each, and copying reads and writes every byte. Part of page_alloc.h's contract.
 *
 * A large allocation gets the memory of dirty extents that are too small for it. One that grows and has no room takes
 * its own along.
 *
 * The address ranges that are left become retained. Only for arenas without hooks, and if some come meanwhile, they
 * come after this; not for arenas that pack, whose huge pages stay whole.
 */
#include "extent/page_alloc.h"

#include "base/witness.h"
#include "extent/mappings.h"

/* Each piece that is moved becomes a mapping of its own, and every processor that runs the process has to forget its
 * old address: smaller ones are not worth that. */
#define REMAP_MIN (config_torture ? sc.page : (size_t)1 << 20)

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

/* Cuts off what is beyond `size`; it stays. NULL: all of it does, for want of memory. */
static extent_t *
trim(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size) REQUIRES(role_extents) {
    extent_t *rest = pa_split_unasked(pa, x, e, size);
    extents_insert(x, rest == NULL ? e : rest);
    return rest == NULL ? NULL : e;
}

/* A dirty extent, busy: of that size if one is large enough, else the largest. NULL if none is worth moving. What it
 * goes to reads as zeros no more. */
static extent_t *
take_donor(page_alloc_t *pa, size_t size, extent_t *to) {
    extents_t *x = &pa->dirty;
    extents_lock(x);
    extent_t *e = pa_fit(pa, x, size, sc.page);
    e = e != NULL ? e : largest_within(x, size >> sc.config.lg_page);
    if (e != NULL) {
        extents_remove(x, e);
        e = e->size > size ? trim(pa, x, e, size) : e;
        to->zeroed = false;
    }
    extents_unlock(x);
    return e;
}

/* Without its memory a donor is an address range; if that could not be moved, it is dirty still. */
static void
let_go(page_alloc_t *pa, extent_t *donor, bool moved) {
    extents_t *x = moved ? &pa->retained : &pa->dirty;
    extents_lock(x);
    donor->zeroed = moved;
    pa_insert(pa, x, donor);
    extents_unlock(x);
}

/* Moves a donor's memory to [e + done, + size). False: that range is lost. */
static bool
move_in(page_alloc_t *pa, extent_t *e, size_t done, extent_t *donor, bool *moved) {
    uintptr_t to = e->addr + done;
    size_t size = donor->size;
    bool lost;
    *moved = pages_move((void *)donor->addr, (void *)to, size, &lost);
    if (*moved) {
        mappings_moved(to, size);
        atomic_add(&pa->remapped, size);
    }
    let_go(pa, donor, *moved);
    return !lost;
}

/* What surely is still ours of an extent goes back to the system, the rest stays what it is. */
static void
lose(page_alloc_t *pa, extent_t *e, size_t from, size_t size, region_t *record) {
    uintptr_t addr = e->addr, behind = addr + from + size, end = extent_end(e);
    pa_lose(pa, e, record);
    if (from > 0) {
        pages_unmap((void *)addr, from);
    }
    if (behind < end) {
        pages_unmap((void *)behind, end - behind);
    }
}

/* As long as there are donors. False: e is lost, and the record is gone. */
static bool
fill_with_donors(page_alloc_t *pa, extent_t *e, size_t done, region_t *record, bool *touched) {
    bool moved = true;
    extent_t *donor;
    while (moved && e->size - done >= REMAP_MIN && (donor = take_donor(pa, e->size - done, e)) != NULL) {
        size_t size = donor->size;
        *touched = true;
        if (!move_in(pa, e, done, donor, &moved)) {
            lose(pa, e, done, size, record);
            return false;
        }
        done += size;
    }
    return true;
}

bool
pa_remap(page_alloc_t *pa, extent_t *e, size_t from, bool *touched) {
    witness_no_core_lock();
    *touched = false;
    bool may = pa_may_remap(pa, e->size - from) && mappings_may_move();
    region_t *record = may ? pa_new_record() : NULL;
    if (record == NULL) {
        return true;
    }
    bool there = fill_with_donors(pa, e, from, record, touched);
    if (there) {
        pa_delete_record(record);
    }
    return there;
}

/* Not where copying is as cheap, because dirty pages fit, nor where the new place is to have a guard. */
static bool
may_relocate(page_alloc_t *pa, size_t from, size_t to) {
    if (atomic_get(&pa->guard) || !pa_may_remap(pa, from)) {
        return false;
    }
    extents_lock(&pa->dirty);
    bool fits = pa_fit(pa, &pa->dirty, to, sc.page) != NULL;
    extents_unlock(&pa->dirty);
    return !fits;
}

/* A place to move to: as much of it as is needed reads as zeros, the rest may have got memory of donors. */
static extent_t *
take_place(page_alloc_t *pa, const extent_t *e, size_t size, uint32_t szind) {
    bool zeroed, touched;
    extent_t *to = may_relocate(pa, e->size, size) ? pa_alloc_untouched(pa, size, szind, &zeroed) : NULL;
    if (to != NULL && !(zeroed && mappings_may_move())) {
        pa_dalloc(pa, to);
        return NULL;
    }
    return to != NULL && pa_remap(pa, to, e->size, &touched) ? to : NULL;
}

/* What the system does not move is copied, to the same place. False: that is lost. */
static bool
carry(page_alloc_t *pa, extent_t *e, extent_t *to) {
    bool moved;
    if (!pages_carry((void *)e->addr, e->size, (void *)to->addr, to->size, &moved)) {
        return false;
    }
    mappings_carried(e->addr, to->addr, e->size);
    atomic_add(&pa->relocated, moved ? e->size : 0);
    if (moved) {
        let_go(pa, e, true);
    } else {
        pa_dalloc(pa, e);
    }
    return true;
}

extent_t *
pa_relocate(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    region_t *record = pa_new_record();
    extent_t *to = record == NULL ? NULL : take_place(pa, e, size, szind);
    if (to != NULL && !carry(pa, e, to)) {
        pa_lose(pa, to, record);
        return NULL;
    }
    if (record != NULL) {
        pa_delete_record(record);
    }
    pa_trim_to_peak(pa);
    if (to != NULL) {
        pa_note_retained(pa);
    }
    return to;
}

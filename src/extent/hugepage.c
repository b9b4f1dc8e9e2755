/* hugepage.c -- huge pages: whom the system is told to give them, and how free pages gather in them. Part of page_alloc.h's
 * contract. */
#include "extent/page_alloc.h"

#include "base/witness.h"
#include "os/clock.h"

/* Of the system's own memory only: what hooks provide is theirs. */
static void
advise(page_alloc_t *pa, const region_t *region) {
    pages_thp_t mode = (pages_thp_t)atomic_get(&pa->thp);
    if (UNLIKELY(mode != pages_thp_default) && pa_hooks(pa) == NULL) {
        pages_thp((void *)region->addr, region->size, mode);
    }
}

void
pa_advise_huge(page_alloc_t *pa, const region_t *region) {
    witness_no_core_lock();
    advise(pa, region);
}

/* Mode and hooks change under the lock, too, so that they and the unit agree whoever changes them at the same time. */
static void
set_unit(page_alloc_t *pa, size_t huge) REQUIRES(role_extents) {
    size_t unit = atomic_get(&pa->thp) == pages_thp_always && pa_hooks(pa) == NULL ? huge : 0;
    if (unit != pa_hugepage_size(pa)) {
        extents_set_unit(&pa->dirty, unit);
        extents_set_unit(&pa->muzzy, unit);
    }
}

/* What is free when packing begins has gathered nothing around it. When it ends, more may be due than the purger knows
 * of. */
static void
begin_or_end(page_alloc_t *pa, size_t before) {
    size_t unit = pa_hugepage_size(pa);
    if (before == 0 && unit != 0) {
        pa_purge_all(pa);
    } else if (before != unit) {
        pa_decay(pa, clock_coarse_ns());
    }
}

void
pa_set_thp(page_alloc_t *pa, pages_thp_t mode) {
    witness_no_core_lock();
    size_t huge = mode == pages_thp_always ? pages_huge_size() : 0;
    pa_lock_layout(pa);
    size_t before = pa_hugepage_size(pa);
    atomic_set(&pa->thp, (uint32_t)mode);
    set_unit(pa, huge);
    for (const region_t *region = pa->regions; region != NULL; region = region->next) {
        advise(pa, region);
    }
    pa_unlock_layout(pa);
    begin_or_end(pa, before);
}

void
pa_set_hooks(page_alloc_t *pa, extent_hooks_t *hooks) {
    witness_no_core_lock();
    size_t huge = hooks == NULL ? pages_huge_size() : 0;
    pa_lock_layout(pa);
    size_t before = pa_hugepage_size(pa);
    atomic_set_release(&pa->hooks, hooks);
    set_unit(pa, huge);
    pa_unlock_layout(pa);
    begin_or_end(pa, before);
}

/* The member that ends at from or starts at to, if it lies, in part at least, in the same unit. */
static extent_t *
beside(extents_t *x, uintptr_t from, uintptr_t to, size_t unit) REQUIRES(role_extents) {
    extent_t *e = from % unit != 0 ? extents_member_ending(x, from) : NULL;
    e = e == NULL && to % unit != 0 ? extents_member_starting(x, to) : e;
    return e != NULL && e->committed ? e : NULL;
}

/* Takes what lies in [low, high) out of x; busy. */
static extent_t *
take_within(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t low, uintptr_t high) REQUIRES(role_extents) {
    uintptr_t from = e->addr > low ? e->addr : low;
    uintptr_t to = extent_end(e) < high ? extent_end(e) : high;
    extents_remove(x, e);
    return pa_carve(pa, x, e, from, to - from);
}

/* Makes one neighbour of [*from, *to) dirty, as far as it lies in the units there, and moves the border. */
static bool
gather_one(page_alloc_t *pa, extents_t *x, uintptr_t *from, uintptr_t *to, size_t unit) {
    extents_lock(x);
    extent_t *e = beside(x, *from, *to, unit);
    if (e != NULL) {
        e = take_within(pa, x, e, align_down(*from, unit), align_up(*to, unit));
    }
    extents_unlock(x);
    if (e == NULL) {
        return false;
    }
    *from = e->addr < *from ? e->addr : *from;
    *to = extent_end(e) > *to ? extent_end(e) : *to;
    extents_lock(&pa->dirty);
    pa_insert(pa, &pa->dirty, e);
    extents_unlock(&pa->dirty);
    return true;
}

/* Once more after each piece: a muzzy one may have a retained one behind it. */
void
pa_gather(page_alloc_t *pa, uintptr_t from, uintptr_t to) {
    witness_no_core_lock();
    size_t unit = pa_hugepage_size(pa);
    while (unit != 0 && !atomic_get(&pa->no_retain) &&
           (gather_one(pa, &pa->muzzy, &from, &to, unit) || gather_one(pa, &pa->retained, &from, &to, unit))) {
    }
}

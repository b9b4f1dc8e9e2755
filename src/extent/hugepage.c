/* hugepage.c -- becoming hugepage-aware and ceasing to be, and how free pages gather in huge pages. */
#include "extent/hugepage.h"

#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/decay_pass.h"
#include "extent/purge.h"
#include "extent/region.h"
#include "os/clock.h"

/* The setting and the hooks change under the layout lock, too, so that they always agree with the hugepage size. */
static void
update_hugepage_size(page_alloc_t *pa, size_t huge) REQUIRES(role_extents) {
    size_t size = atomic_get(&pa->thp) == pages_thp_always && pa_hooks(pa) == NULL ? huge : 0;
    if (size != pa_hugepage_size(pa)) {
        extents_set_hugepage(&pa->dirty.extents, size);
        extents_set_hugepage(&pa->muzzy.extents, size);
    }
}

/* After the hugepage size changed. Pages that were free before have gathered nothing around them: they are purged. In
 * an arena that is not hugepage-aware any more, more pages may be due than the purger knows. */
static void
purge_after_change(page_alloc_t *pa, size_t before) {
    size_t now = pa_hugepage_size(pa);
    if (before == 0 && now != 0) {
        pa_purge_all(pa);
    } else if (before != now) {
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
    update_hugepage_size(pa, huge);
    for (const region_t *region = pa->regions; region != NULL; region = region->next) {
        region_advise_thp(pa, region);
    }
    pa_unlock_layout(pa);
    purge_after_change(pa, before);
}

void
pa_set_hooks(page_alloc_t *pa, extent_hooks_t *hooks) {
    witness_no_core_lock();
    size_t huge = hooks == NULL ? pages_huge_size() : 0;
    pa_lock_layout(pa);
    size_t before = pa_hugepage_size(pa);
    atomic_set_release(&pa->hooks, hooks);
    update_hugepage_size(pa, huge);
    pa_unlock_layout(pa);
    purge_after_change(pa, before);
}

/* The member that ends at from or starts at to, if at least a part of it is in the same huge page. */
static extent_t *
neighbour_of(extents_t *x, uintptr_t from, uintptr_t to, size_t hugepage) REQUIRES(role_extents) {
    extent_t *e = from % hugepage != 0 ? extents_member_ending(x, from) : NULL;
    e = e == NULL && to % hugepage != 0 ? extents_member_starting(x, to) : e;
    return e != NULL && e->committed ? e : NULL;
}

/* Takes the part of member e that is in [low, high) out of x, busy. */
static extent_t *
take_within(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t low, uintptr_t high) REQUIRES(role_extents) {
    uintptr_t from = e->addr > low ? e->addr : low;
    uintptr_t to = extent_end(e) < high ? extent_end(e) : high;
    extents_remove(x, e);
    return pa_carve(pa, x, e, from, to - from);
}

/* Makes one neighbour of [*from, *to) dirty, as far as it is in the same huge pages, and extends the range by it. */
static bool
gather_one(page_alloc_t *pa, extents_t *x, uintptr_t *from, uintptr_t *to, size_t hugepage) {
    extents_lock(x);
    extent_t *e = neighbour_of(x, *from, *to, hugepage);
    if (e != NULL) {
        e = take_within(pa, x, e, align_down(*from, hugepage), align_up(*to, hugepage));
    }
    extents_unlock(x);
    if (e == NULL) {
        return false;
    }
    *from = e->addr < *from ? e->addr : *from;
    *to = extent_end(e) > *to ? extent_end(e) : *to;
    extents_lock(&pa->dirty.extents);
    pa_insert(pa, &pa->dirty.extents, e);
    extents_unlock(&pa->dirty.extents);
    return true;
}

/* Looks again after each piece: behind a muzzy one there may be a retained one. */
void
pa_gather(page_alloc_t *pa, uintptr_t from, uintptr_t to) {
    witness_no_core_lock();
    size_t hugepage = pa_hugepage_size(pa);
    while (hugepage != 0 && !atomic_get(&pa->no_retain) &&
           (gather_one(pa, &pa->muzzy.extents, &from, &to, hugepage) ||
            gather_one(pa, &pa->retained, &from, &to, hugepage))) {
    }
}

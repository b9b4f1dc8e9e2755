/* region.c -- regions: their growth, and their way back to the system. Part of page_alloc.h's contract. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/highwater.h"
#include "extent/mappings.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/thread.h"

#define LG_REGION_RECORD 6
_Static_assert(sizeof(region_t) <= 1U << LG_REGION_RECORD, "a region's record fits its block");

region_t *
pa_new_record(void) {
    witness_no_core_lock();
    return metadata_block_alloc(LG_REGION_RECORD);
}

void
pa_delete_record(region_t *record) {
    witness_no_core_lock();
    metadata_block_free(record, LG_REGION_RECORD);
}

/* The size of the next region: doubling up to the limit, never less than what is asked for. */
static size_t
next_region_size(page_alloc_t *pa, size_t size) {
    extents_lock(&pa->retained);
    size_t next = pa->next_size;
    size_t limit = align_up(pa_grow_limit(pa), sc.page);
    if (next < limit && !config_torture && options.retain) {
        pa->next_size = next * 2 < limit ? next * 2 : limit;
    }
    extents_unlock(&pa->retained);
    next = next > limit ? limit : next;
    return next > size ? next : size;
}

/* A region as its provider gave it. */
typedef struct {
    void *addr;
    size_t size;
    bool zeroed;
    bool committed;
} grant_t;

bool (*_Atomic pa_overlaps_any)(uintptr_t addr, size_t size);

bool
pa_overlaps(page_alloc_t *pa, uintptr_t addr, size_t size) {
    bool found = false;
    extents_lock(&pa->retained);
    for (const region_t *region = pa->regions; region != NULL && !found; region = region->next) {
        found = addr < region->addr + region->size && region->addr < addr + size;
    }
    extents_unlock(&pa->retained);
    return found;
}

/* Is this memory that can be used: aligned, of pages, a user's address, and not ours already? */
static bool
sane(const grant_t *grant, size_t alignment) {
    uintptr_t addr = (uintptr_t)grant->addr;
    return (addr & (alignment - 1)) == 0 && addr != 0 && addr + grant->size > addr &&
           (addr + grant->size) >> LG_VADDR == 0 && pagemap_extent(addr) == NULL &&
           pagemap_extent(addr + grant->size - 1) == NULL;
}

/* Inner pages of an extent are not in the page map; the lists of regions know them. */
static bool
in_use(page_alloc_t *pa, const grant_t *grant) {
    bool (*any)(uintptr_t, size_t) = atomic_get_acquire(&pa_overlaps_any);
    uintptr_t addr = (uintptr_t)grant->addr;
    return pa_overlaps(pa, addr, grant->size) || (any != NULL && any(addr, grant->size));
}

static bool
ask(page_alloc_t *pa, size_t size, size_t alignment, grant_t *grant) {
    grant->size = size;
    grant->addr = hook_alloc(pa_hooks(pa), size, alignment, &grant->zeroed, &grant->committed, pa->arena);
    if (grant->addr == NULL) {
        return false;
    }
    if (LIKELY(pa_hooks(pa) == NULL)) {
        return sane(grant, alignment); /* not in a range that is just being lost */
    }
    if (!sane(grant, alignment) || in_use(pa, grant)) {
        warn("the alloc hook of an arena returned memory that is misaligned, out of range or in use; it is not used");
        return false;
    }
    return true;
}

static bool
can_be_cut(page_alloc_t *pa) {
    const extent_hooks_t *hooks = pa_hooks(pa);
    return hooks == NULL || hooks->split != NULL;
}

/* Asks for the growth series' size, then for the least, then again after giving back what is not used. */
static bool
get_units(page_alloc_t *pa, size_t least, size_t alignment, size_t unit, bool exact, grant_t *grant) {
    size_t size = exact || !can_be_cut(pa) ? least : align_up(next_region_size(pa, least), unit);
    return ask(pa, size, alignment, grant) || (size > least && ask(pa, least, alignment, grant)) ||
           (pa_release_unused(pa) && ask(pa, least, alignment, grant));
}

/* Of whole units, aligned to them, where there are any; if they cannot be had, of pages. */
static bool
get_region(page_alloc_t *pa, size_t least, size_t alignment, bool exact, grant_t *grant) {
    size_t unit = exact ? 0 : pa_hugepage_size(pa);
    if (UNLIKELY(unit != 0)) {
        size_t strictest = alignment > unit ? alignment : unit;
        if (get_units(pa, align_up(least, unit), strictest, unit, false, grant)) {
            return true;
        }
    }
    return get_units(pa, least, alignment, sc.page, exact, grant);
}

static void
fill_descriptor(page_alloc_t *pa, extent_t *e, const grant_t *grant) REQUIRES(role_extents) {
    e->addr = (uintptr_t)grant->addr;
    e->size = grant->size;
    atomic_set(&e->owner, extent_owner(pa->arena, extent_busy));
    e->szind = SC_NONE;
    e->slab = e->guarded = false;
    e->is_head = true;
    e->committed = grant->committed;
    e->zeroed = grant->zeroed;
    e->lru_stamp = 0;
}

/* Appends a region, whose place is set, to the list, as the youngest. */
static void
enlist(page_alloc_t *pa, region_t *region) REQUIRES(role_extents) {
    region->sn = pa->next_sn++;
    region->next = NULL;
    if (pa->last_region == NULL) {
        pa->regions = region;
    } else {
        pa->last_region->next = region;
    }
    pa->last_region = region;
    counter_add(&pa->mapped, region->size);
    counter_add(&pa->nregions, 1);
}

/* Makes an extent of the region known. */
static void
enter_extent(const region_t *region, extent_t *e) REQUIRES(role_extents) {
    e->sn = region->sn;
    pagemap_set_boundary(e->addr, e->size, e);
}

/* Makes the region known, with one busy extent that fills it. */
static void
enter_region(page_alloc_t *pa, region_t *region, extent_t *e, const grant_t *grant) {
    region->addr = (uintptr_t)grant->addr;
    region->size = grant->size;
    extents_lock(&pa->retained);
    fill_descriptor(pa, e, grant);
    enlist(pa, region);
    enter_extent(region, e);
    extents_unlock(&pa->retained);
}

extent_t *
pa_new_region(page_alloc_t *pa, size_t size, size_t alignment, bool exact) {
    witness_no_core_lock();
    region_t *region = pa_new_record();
    extent_t *e = extent_new();
    grant_t grant;
    bool granted = region != NULL && e != NULL && get_region(pa, size, alignment, exact, &grant);
    if (granted && pagemap_ensure((uintptr_t)grant.addr, grant.size)) {
        enter_region(pa, region, e, &grant);
        pa_advise_huge(pa, region);
        highwater_add(grant.size);
        return e;
    }
    if (granted) {
        hook_destroy(pa_hooks(pa), grant.addr, grant.size, grant.committed, pa->arena);
    }
    if (e != NULL) {
        extent_delete(e);
    }
    if (region != NULL) {
        pa_delete_record(region);
    }
    return NULL;
}

/* Takes a region's record out of the list; its extents are busy or gone. */
static void
delist(page_alloc_t *pa, region_t **link, region_t *previous) REQUIRES(role_extents) {
    region_t *region = *link;
    *link = region->next;
    if (pa->last_region == region) {
        pa->last_region = previous;
    }
    counter_add(&pa->mapped, -region->size);
    counter_add(&pa->nregions, (size_t)-1);
}

/* ---- losses ---- */

/* The link to the region that an address lies in, and the region before it. */
static region_t **
link_of(page_alloc_t *pa, uintptr_t addr, region_t **previous) REQUIRES(role_extents) {
    region_t **link = &pa->regions;
    *previous = NULL;
    while (addr - (*link)->addr >= (*link)->size) {
        *previous = *link;
        link = &(*link)->next;
    }
    return link;
}

/* What lies behind `addr` in a region becomes one of its own. */
static void
divide(page_alloc_t *pa, region_t *region, uintptr_t addr, region_t *rest) REQUIRES(role_extents) {
    rest->addr = addr;
    rest->size = region->addr + region->size - addr;
    rest->sn = region->sn;
    rest->next = region->next;
    region->size -= rest->size;
    region->next = rest;
    pa->last_region = pa->last_region == region ? rest : pa->last_region;
    counter_add(&pa->nregions, 1);
    pagemap_extent(addr)->is_head = true;
}

/* Takes [addr, end) out of its region. Returns the record that is left over, if one is. */
static region_t *
cut_out(page_alloc_t *pa, uintptr_t addr, uintptr_t end, region_t *record) REQUIRES(role_extents) {
    region_t *previous, **link = link_of(pa, addr, &previous), *region = *link;
    if (end < region->addr + region->size) {
        divide(pa, region, end, record);
        record = NULL;
    }
    if (addr > region->addr) {
        region->size -= end - addr;
        counter_add(&pa->mapped, addr - end);
        return record;
    }
    delist(pa, link, previous);
    if (record == NULL) {
        return region;
    }
    metadata_block_free(region, LG_REGION_RECORD);
    return record;
}

void
pa_lose(page_alloc_t *pa, extent_t *e, region_t *record) {
    witness_no_core_lock();
    pa_lock_layout(pa);
    pagemap_set_boundary(e->addr, e->size, NULL);
    record = cut_out(pa, e->addr, extent_end(e), record);
    pa_unlock_layout(pa);
    mappings_unmapped(e->addr, e->size);
    highwater_sub(e->size);
    extent_delete(e);
    if (record != NULL) {
        pa_delete_record(record);
    }
}

/* ---- the way back ---- */

/* Is all of it retained? In one extent, or in several: committed and decommitted ones do not merge, and an arena's
 * hooks may refuse to. */
static bool
is_unused(page_alloc_t *pa, const region_t *region) REQUIRES(role_extents) {
    uintptr_t end = region->addr + region->size;
    uintptr_t addr = region->addr;
    const extent_t *e;
    while (addr < end && (e = extents_member_starting(&pa->retained, addr)) != NULL) {
        addr = extent_end(e);
    }
    return addr == end;
}

/* A region that is not in the list any more, with the extents that it consisted of, busy, in address order. */
typedef struct {
    region_t *region;
    list_t extents;
    bool committed; /* all of it */
} detached_t;

static void
detach_extents(page_alloc_t *pa, detached_t *out) REQUIRES(role_extents) {
    uintptr_t end = out->region->addr + out->region->size;
    list_init(&out->extents);
    out->committed = true;
    for (uintptr_t addr = out->region->addr; addr < end;) {
        extent_t *e = extents_member_starting(&pa->retained, addr);
        addr = extent_end(e);
        out->committed = out->committed && e->committed;
        extents_remove(&pa->retained, e);
        pagemap_set_boundary(e->addr, e->size, NULL);
        list_push_back(&out->extents, &e->link);
    }
}

/* Detaches the oldest unused region of a serial number below `end`. False if there is none. */
static bool
detach_unused(page_alloc_t *pa, uint64_t end, detached_t *out) {
    region_t *previous = NULL;
    extents_lock(&pa->retained);
    region_t **link = &pa->regions;
    while (*link != NULL && !((*link)->sn < end && is_unused(pa, *link))) {
        previous = *link;
        link = &previous->next;
    }
    out->region = *link;
    if (out->region != NULL) {
        detach_extents(pa, out);
        delist(pa, link, previous);
    }
    extents_unlock(&pa->retained);
    return out->region != NULL;
}

static extent_t *
first_of(const list_t *extents) {
    return container_of(extents->next, extent_t, link);
}

static void
forget(detached_t *old) {
    while (!list_empty(&old->extents)) {
        extent_t *e = first_of(&old->extents);
        list_remove(&e->link);
        extent_delete(e);
    }
    pa_delete_record(old->region);
}

/* The first extent of the region that starts at or after addr; NULL at its end. */
static extent_t *
at_or_after(const region_t *region, uintptr_t addr) REQUIRES(role_extents) {
    uintptr_t end = region->addr + region->size;
    while (addr < end) {
        extent_t *e = pagemap_extent(addr);
        if (e != NULL && e->addr == addr) {
            return e;
        }
        addr = e == NULL ? addr + ((uintptr_t)1 << LG_GRANULE) : extent_end(e);
    }
    return NULL;
}

extent_t *
pa_next_extent(page_alloc_t *pa, pa_place_t *place) {
    for (const region_t *region = pa->regions; region != NULL; region = region->next) {
        if (region->sn < place->sn) {
            continue;
        }
        bool here = region->sn == place->sn && place->addr > region->addr;
        extent_t *e = at_or_after(region, here ? place->addr : region->addr);
        if (e != NULL) {
            *place = (pa_place_t){.sn = region->sn, .addr = extent_end(e)};
            return e;
        }
    }
    return NULL;
}

/* One more than the serial number of any region. */
static uint64_t
youngest_sn(page_alloc_t *pa) {
    extents_lock(&pa->retained);
    uint64_t sn = pa->next_sn;
    extents_unlock(&pa->retained);
    return sn;
}

/* The provider keeps the region: it becomes retained again, under a new serial number. All of it is known again before
 * the first piece is merged, which may let go of the lock. */
static void
take_back(page_alloc_t *pa, detached_t *old) {
    extents_lock(&pa->retained);
    enlist(pa, old->region);
    for (list_t *at = old->extents.next; at != &old->extents; at = at->next) {
        enter_extent(old->region, container_of(at, extent_t, link));
    }
    while (!list_empty(&old->extents)) {
        extent_t *e = first_of(&old->extents);
        list_remove(&e->link);
        pa_insert(pa, &pa->retained, e);
    }
    extents_unlock(&pa->retained);
}

/* Offers a region to its provider, who may refuse to take it back. */
static bool
give_back(page_alloc_t *pa, detached_t *old) {
    region_t *region = old->region;
    if (!hook_dalloc(pa_hooks(pa), (void *)region->addr, region->size, old->committed, pa->arena)) {
        take_back(pa, old);
        return false;
    }
    mappings_unmapped(region->addr, region->size);
    highwater_sub(region->size);
    forget(old);
    return true;
}

/* Regions that are there now, oldest first; one that its provider keeps comes back younger. */
bool
pa_release_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    bool any = false;
    uint64_t end = youngest_sn(pa);
    for (detached_t old; detach_unused(pa, end, &old);) {
        any = give_back(pa, &old) || any;
    }
    return any;
}

void
pa_offer_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    uint64_t end = youngest_sn(pa);
    detached_t old;
    while (detach_unused(pa, end, &old) && give_back(pa, &old)) {
    }
}

static void
release_unused_for_good(page_alloc_t *pa) {
    pa_purge_all(pa);
    for (detached_t old; detach_unused(pa, UINT64_MAX, &old);) {
        region_t *region = old.region;
        hook_destroy(pa_hooks(pa), (void *)region->addr, region->size, old.committed, pa->arena);
        mappings_unmapped(region->addr, region->size);
        highwater_sub(region->size);
        forget(&old);
    }
}

/* Another thread's decay may have some extents in its hands: they come back. */
void
pa_release_all(page_alloc_t *pa) {
    witness_no_core_lock();
    release_unused_for_good(pa);
    while (atomic_get(&pa->mapped) != 0) {
        os_thread_yield();
        release_unused_for_good(pa);
    }
    extents_t *collections[] = {&pa->dirty, &pa->muzzy, &pa->retained};
    for (unsigned i = 0; i < 3; i++) {
        extents_drop_spare(collections[i]);
    }
}

/* region.c -- regions: their growth, and their way back to the system. Part of page_alloc.h's contract. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/system.h"

#define LG_REGION_RECORD 6
_Static_assert(sizeof(region_t) <= 1U << LG_REGION_RECORD, "a region's record fits its block");

/* The size of the next region: doubling up to the limit, never less than what is asked for. */
static size_t
next_region_size(page_alloc_t *pa, size_t size) {
    extents_lock(&pa->retained);
    size_t next = pa->next_size;
    size_t limit = align_up(atomic_get(&options.retain_grow_limit), sc.page);
    if (next < limit && !config_torture) {
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

/* Is this memory that can be used: aligned, of pages, a user's address, and not ours already? */
static bool
sane(const grant_t *grant, size_t alignment) {
    uintptr_t addr = (uintptr_t)grant->addr;
    return (addr & (alignment - 1)) == 0 && addr != 0 && addr + grant->size > addr &&
           (addr + grant->size) >> LG_VADDR == 0 && pagemap_extent(addr) == NULL &&
           pagemap_extent(addr + grant->size - 1) == NULL;
}

static bool
ask(page_alloc_t *pa, size_t size, size_t alignment, grant_t *grant) {
    grant->size = size;
    grant->addr = hook_alloc(pa_hooks(pa), size, alignment, &grant->zeroed, &grant->committed, pa->arena);
    if (grant->addr == NULL) {
        return false;
    }
    if (!sane(grant, alignment)) {
        warn("the alloc hook of an arena returned memory that is misaligned, out of range or in use; it is not used");
        return false;
    }
    return true;
}

/* Asks for the growth series' size, then for the least, then again after giving back what is not used. */
static bool
get_region(page_alloc_t *pa, size_t least, size_t alignment, grant_t *grant) {
    size_t size = next_region_size(pa, least);
    return ask(pa, size, alignment, grant) || (size > least && ask(pa, least, alignment, grant)) ||
           (pa_release_unused(pa) && ask(pa, least, alignment, grant));
}

static void
fill_descriptor(page_alloc_t *pa, extent_t *e, const grant_t *grant, uint64_t sn) REQUIRES(role_extents) {
    e->addr = (uintptr_t)grant->addr;
    e->size = grant->size;
    atomic_set(&e->owner, extent_owner(pa->arena, extent_busy));
    e->szind = SC_NONE;
    e->slab = false;
    e->is_head = true;
    e->committed = grant->committed;
    e->zeroed = grant->zeroed;
    e->sn = sn;
    e->lru = 0;
}

/* Makes the region known, with one busy extent that fills it. */
static void
enter_region(page_alloc_t *pa, region_t *region, extent_t *e, const grant_t *grant) {
    extents_lock(&pa->retained);
    region->addr = (uintptr_t)grant->addr;
    region->size = grant->size;
    region->sn = pa->next_sn++;
    region->next = NULL;
    if (pa->last_region == NULL) {
        pa->regions = region;
    } else {
        pa->last_region->next = region;
    }
    pa->last_region = region;
    fill_descriptor(pa, e, grant, region->sn);
    pagemap_set_boundary(e->addr, e->size, e);
    counter_add(&pa->mapped, region->size);
    counter_add(&pa->nregions, 1);
    extents_unlock(&pa->retained);
}

extent_t *
pa_new_region(page_alloc_t *pa, size_t size, size_t alignment) {
    witness_no_core_lock();
    region_t *region = metadata_take(LG_REGION_RECORD);
    extent_t *e = extent_new();
    grant_t grant;
    bool granted = region != NULL && e != NULL && get_region(pa, size, alignment, &grant);
    if (granted && pagemap_ensure((uintptr_t)grant.addr, grant.size)) {
        enter_region(pa, region, e, &grant);
        return e;
    }
    if (granted) {
        hook_destroy(pa_hooks(pa), grant.addr, grant.size, grant.committed, pa->arena);
    }
    if (e != NULL) {
        extent_delete(e);
    }
    if (region != NULL) {
        metadata_give(region, LG_REGION_RECORD);
    }
    return NULL;
}

/* Takes a region's record out of the list; its only extent is busy or gone. */
static void
leave_region(page_alloc_t *pa, region_t **link, region_t *previous) REQUIRES(role_extents) {
    region_t *region = *link;
    *link = region->next;
    if (pa->last_region == region) {
        pa->last_region = previous;
    }
    counter_add(&pa->mapped, -region->size);
    counter_add(&pa->nregions, (size_t)-1);
}

/* Detaches the oldest region of a serial number below `end` that is one retained extent: busy *e. NULL if there is
 * none. */
static region_t *
detach_unused(page_alloc_t *pa, uint64_t end, extent_t **e) {
    region_t *found = NULL;
    region_t *previous = NULL;
    extents_lock(&pa->retained);
    for (region_t **link = &pa->regions; *link != NULL && found == NULL; link = &previous->next) {
        *e = extents_member_starting(&pa->retained, (*link)->addr);
        if ((*link)->sn < end && *e != NULL && (*e)->size == (*link)->size) {
            found = *link;
            extents_remove(&pa->retained, *e);
            pagemap_set_boundary((*e)->addr, (*e)->size, NULL);
            leave_region(pa, link, previous);
            break;
        }
        previous = *link;
    }
    extents_unlock(&pa->retained);
    return found;
}

static void
forget(region_t *region, extent_t *e) {
    extent_delete(e);
    metadata_give(region, LG_REGION_RECORD);
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

/* The provider keeps the region: it becomes retained again, under a new serial number. */
static void
take_back(page_alloc_t *pa, region_t *region, extent_t *e) {
    grant_t grant = {.addr = (void *)e->addr, .size = e->size, .zeroed = e->zeroed, .committed = e->committed};
    enter_region(pa, region, e, &grant);
    extents_lock(&pa->retained);
    pa_insert(pa, &pa->retained, e);
    extents_unlock(&pa->retained);
}

/* Regions that are there now, oldest first; one that its provider keeps comes back younger. */
bool
pa_release_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    bool any = false;
    extent_t *e;
    uint64_t end = youngest_sn(pa);
    for (region_t *region; (region = detach_unused(pa, end, &e)) != NULL;) {
        if (hook_dalloc(pa_hooks(pa), (void *)e->addr, e->size, e->committed, pa->arena)) {
            forget(region, e);
            any = true;
        } else {
            take_back(pa, region, e);
        }
    }
    return any;
}

static void
release_unused_for_good(page_alloc_t *pa) {
    extent_t *e;
    pa_purge_all(pa);
    for (region_t *region; (region = detach_unused(pa, UINT64_MAX, &e)) != NULL;) {
        hook_destroy(pa_hooks(pa), (void *)e->addr, e->size, e->committed, pa->arena);
        forget(region, e);
    }
}

/* Another thread's decay may have some extents in its hands: they come back. */
void
pa_release_all(page_alloc_t *pa) {
    witness_no_core_lock();
    release_unused_for_good(pa);
    while (atomic_get(&pa->mapped) != 0) {
        system_yield();
        release_unused_for_good(pa);
    }
}

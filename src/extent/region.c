/* region.c -- regions: their growth, and their way back to the system. Part of page_alloc.h's contract. */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "base/options.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/pages.h"

#define LG_REGION_RECORD 6
_Static_assert(sizeof(region_t) <= 1U << LG_REGION_RECORD, "a region's record fits its block");

/* The size of the next region: doubling up to the limit, never less than what is asked for. */
static size_t
next_region_size(page_alloc_t *pa, size_t size) {
    extents_lock(&pa->retained);
    size_t next = pa->next_size;
    size_t limit = align_up(atomic_get(&options.retain_grow_limit), sc.page);
    pa->next_size = next * 2 <= limit && !config_torture ? next * 2 : next;
    extents_unlock(&pa->retained);
    next = next > limit ? limit : next;
    return next > size ? next : size;
}

/* Asks for the growth series' size, then for the least, then again after giving back what is not used. */
static void *
map_region(page_alloc_t *pa, size_t least, size_t alignment, size_t *size) {
    *size = next_region_size(pa, least);
    void *addr = pages_map(*size, alignment);
    if (addr == NULL) {
        *size = least;
        addr = pages_map(*size, alignment);
    }
    if (addr == NULL && pa_release_unused(pa)) {
        addr = pages_map(*size, alignment);
    }
    return addr;
}

static void
fill_descriptor(page_alloc_t *pa, extent_t *e, const region_t *region) {
    e->addr = region->addr;
    e->size = region->size;
    atomic_set(&e->owner, extent_owner(pa->arena, extent_busy));
    e->szind = SC_NONE;
    e->slab = false;
    e->is_head = e->committed = e->zeroed = true;
    e->sn = region->sn;
    e->lru = 0;
}

/* Makes the region known, with one busy extent that fills it. */
static void
enter_region(page_alloc_t *pa, region_t *region, extent_t *e) {
    extents_lock(&pa->retained);
    region->sn = pa->next_sn++;
    region->next = NULL;
    if (pa->last_region == NULL) {
        pa->regions = region;
    } else {
        pa->last_region->next = region;
    }
    pa->last_region = region;
    fill_descriptor(pa, e, region);
    pagemap_set_boundary(e->addr, e->size, e);
    counter_add(&pa->mapped, region->size);
    counter_add(&pa->nregions, 1);
    extents_unlock(&pa->retained);
}

extent_t *
pa_new_region(page_alloc_t *pa, size_t size, size_t alignment) {
    region_t *region = metadata_take(LG_REGION_RECORD);
    extent_t *e = extent_new();
    void *addr = region == NULL || e == NULL ? NULL : map_region(pa, size, alignment, &region->size);
    if (addr != NULL && pagemap_ensure((uintptr_t)addr, region->size)) {
        region->addr = (uintptr_t)addr;
        enter_region(pa, region, e);
        return e;
    }
    if (addr != NULL) {
        pages_unmap(addr, region->size);
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

/* Detaches the first region that is one retained extent; NULL if there is none. */
static region_t *
detach_unused(page_alloc_t *pa) {
    region_t *found = NULL;
    extents_lock(&pa->retained);
    region_t *previous = NULL;
    for (region_t **link = &pa->regions; *link != NULL && found == NULL; link = &previous->next) {
        extent_t *e = extents_member_starting(&pa->retained, (*link)->addr);
        if (e != NULL && e->size == (*link)->size) {
            found = *link;
            extents_remove(&pa->retained, e);
            pagemap_set_boundary(e->addr, e->size, NULL);
            extent_delete(e);
            leave_region(pa, link, previous);
            break;
        }
        previous = *link;
    }
    extents_unlock(&pa->retained);
    return found;
}

bool
pa_release_unused(page_alloc_t *pa) {
    bool any = false;
    for (region_t *region; (region = detach_unused(pa)) != NULL; any = true) {
        pages_unmap((void *)region->addr, region->size);
        metadata_give(region, LG_REGION_RECORD);
    }
    return any;
}

void
pa_release_all(page_alloc_t *pa) {
    pa_purge_all(pa);
    pa_release_unused(pa);
    check(atomic_get(&pa->mapped) == 0);
}

/* region_release.c -- takes unused regions out of the arena and offers them to their provider; cuts out lost pages. */
#include "extent/region_release.h"

#include "base/options.h"
#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/highwater.h"
#include "extent/mappings.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "extent/region.h"

/* Is all of it retained? It may consist of several extents: committed and decommitted ones do not merge, and the merge
 * hook may refuse. */
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

/* Takes the extents of an unused region out of the retained collection and the page map. */
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

/* Detaches the oldest unused region with a serial number below `end`. False if there is none. */
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
        region_delist(pa, link, previous);
    }
    extents_unlock(&pa->retained);
    return out->region != NULL;
}

static extent_t *
first_of(const list_t *extents) {
    return container_of(extents->next, extent_t, link);
}

/* After the provider took the region: deletes its descriptors and its record. */
static void
delete_detached(detached_t *old) {
    mappings_unmapped(old->region->addr, old->region->size);
    highwater_sub(old->region->size);
    while (!list_empty(&old->extents)) {
        extent_t *e = first_of(&old->extents);
        list_remove(&e->link);
        extent_delete(e);
    }
    pa_delete_record(old->region);
}

/* The provider refused the region: it becomes retained again, under a new serial number. All its extents are in the
 * page map before the first one is merged, since merging may release the lock. */
static void
reattach(page_alloc_t *pa, detached_t *old) {
    extents_lock(&pa->retained);
    region_enlist(pa, old->region);
    for (list_t *at = old->extents.next; at != &old->extents; at = at->next) {
        region_enter_extent(old->region, container_of(at, extent_t, link));
    }
    while (!list_empty(&old->extents)) {
        extent_t *e = first_of(&old->extents);
        list_remove(&e->link);
        pa_insert(pa, &pa->retained, e);
    }
    extents_unlock(&pa->retained);
}

/* Offers a detached region to its provider. False: it was refused, and is attached again. */
static bool
give_back(page_alloc_t *pa, detached_t *old) {
    region_t *region = old->region;
    if (!hook_dalloc(pa_hooks(pa), (void *)region->addr, region->size, old->committed, pa->arena)) {
        reattach(pa, old);
        return false;
    }
    delete_detached(old);
    return true;
}

/* One more than the highest serial number: a refused region gets a higher one, and is not offered twice. */
static uint64_t
end_of_serial_numbers(page_alloc_t *pa) {
    extents_lock(&pa->retained);
    uint64_t sn = pa->next_sn;
    extents_unlock(&pa->retained);
    return sn;
}

bool
pa_release_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    bool any = false;
    uint64_t end = end_of_serial_numbers(pa);
    for (detached_t old; detach_unused(pa, end, &old);) {
        any = give_back(pa, &old) || any;
    }
    return any;
}

void
pa_offer_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    uint64_t end = end_of_serial_numbers(pa);
    detached_t old;
    while (detach_unused(pa, end, &old) && give_back(pa, &old)) {
    }
}

void
pa_note_retained(page_alloc_t *pa) {
    witness_no_core_lock();
    const extent_hooks_t *hooks = pa_hooks(pa);
    if (UNLIKELY(hooks == NULL ? !options.retain : hooks->dalloc != NULL)) {
        pa_offer_unused(pa);
    }
}

void
pa_destroy_unused(page_alloc_t *pa) {
    witness_no_core_lock();
    for (detached_t old; detach_unused(pa, UINT64_MAX, &old);) {
        region_t *region = old.region;
        hook_destroy(pa_hooks(pa), (void *)region->addr, region->size, old.committed, pa->arena);
        delete_detached(&old);
    }
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

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

/* What follows `addr` in a region becomes a region of its own. */
static void
region_divide(page_alloc_t *pa, region_t *region, uintptr_t addr, region_t *rest) REQUIRES(role_extents) {
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

/* Takes [addr, end) out of its region. Returns a record that is not used any more, if there is one. */
static region_t *
region_cut_out(page_alloc_t *pa, uintptr_t addr, uintptr_t end, region_t *record) REQUIRES(role_extents) {
    region_t *previous, **link = link_of(pa, addr, &previous), *region = *link;
    if (end < region->addr + region->size) {
        region_divide(pa, region, end, record);
        record = NULL;
    }
    if (addr > region->addr) {
        region->size -= end - addr;
        counter_add(&pa->mapped, addr - end);
        return record;
    }
    region_delist(pa, link, previous);
    if (record == NULL) {
        return region;
    }
    metadata_block_free(region, LG_REGION_RECORD);
    return record;
}

/* The layout is locked as a whole: regions, page map and descriptors change together. */
void
pa_lose(page_alloc_t *pa, extent_t *e, region_t *record) {
    witness_no_core_lock();
    pa_lock_layout(pa);
    pagemap_set_boundary(e->addr, e->size, NULL);
    record = region_cut_out(pa, e->addr, extent_end(e), record);
    pa_unlock_layout(pa);
    mappings_unmapped(e->addr, e->size);
    highwater_sub(e->size);
    extent_delete(e);
    if (record != NULL) {
        pa_delete_record(record);
    }
}

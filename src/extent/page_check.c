/*
 * page_check.c -- the checker of one arena's pages. Part of page_alloc.h's contract.
 *
 * With the whole layout locked it walks the regions granule by granule, and each collection by age and by size, and
 * compares. It proves each invariant of extent.h, extents.h and page_alloc.h that does not depend on what the layers
 * above do: of a slab that is just being made or taken apart, some granules may not be registered. Not for release
 * builds: what it costs is proportional to the address space.
 */
#include "extent/page_alloc.h"

#include "base/check.h"
#include "extent/pagemap.h"

#define GRANULE ((uintptr_t)1 << LG_GRANULE)

/* What the regions hold, by state. */
typedef struct {
    extents_tally_t states[extent_busy + 1];
    size_t mapped;
    size_t nregions;
} layout_tally_t;

static void
check_descriptor(const page_alloc_t *pa, const region_t *region, const extent_t *e) REQUIRES(role_extents) {
    extent_state_t state = extent_state(e);
    check(extent_arena(e) == pa->arena && state <= extent_busy);
    check(e->size > 0 && e->size % sc.page == 0 && extent_end(e) <= region->addr + region->size);
    check(e->sn == region->sn);
    check(e->is_head == (e->addr == region->addr));
    check((e->szind != SC_NONE) == (state == extent_active));
    check(!e->slab || (state == extent_active && sc_is_small(e->szind)));
    check(e->committed || (state != extent_active && state != extent_dirty && state != extent_muzzy));
    check((e->lru_stamp != 0) == (state != extent_active && state != extent_busy));
}

static bool
is_boundary(const extent_t *e, uintptr_t granule) {
    return granule == e->addr || granule + GRANULE == extent_end(e);
}

/* What the page map says of one granule of e: whose it is, and which class caches may take it for. */
static void
check_granule(const extent_t *e, uintptr_t granule) REQUIRES(role_extents) {
    const extent_t *entry = pagemap_extent(granule);
    uint32_t class = pagemap_class((void *)granule);
    bool classed = e->slab || (granule == e->addr && extent_state(e) == extent_active);
    check(entry == e || (entry == NULL && !is_boundary(e, granule)));
    check(entry != e || e->slab || is_boundary(e, granule));
    check(class == 0 || (classed && class == e->szind + 1));
}

static void
check_region(const page_alloc_t *pa, const region_t *region, layout_tally_t *tally) REQUIRES(role_extents) {
    uintptr_t end = region->addr + region->size;
    for (uintptr_t addr = region->addr; addr < end;) {
        const extent_t *e = pagemap_extent(addr);
        check(e != NULL && e->addr == addr);
        if (e == NULL) {
            return;
        }
        check_descriptor(pa, region, e);
        for (; addr < extent_end(e); addr += GRANULE) {
            check_granule(e, addr);
        }
        extents_count(&tally->states[extent_state(e)], e);
    }
}

static void
check_regions(const page_alloc_t *pa, layout_tally_t *tally) REQUIRES(role_extents) {
    const region_t *last = NULL;
    for (const region_t *region = pa->regions; region != NULL; last = region, region = region->next) {
        check(region->sn < pa->next_sn);
        check(last == NULL || last->sn < region->sn || (last->sn == region->sn && last->addr < region->addr));
        check_region(pa, region, tally);
        tally->mapped += region->size;
        tally->nregions++;
    }
    check(last == pa->last_region);
}

void
pa_check_locked(page_alloc_t *pa) {
    layout_tally_t tally = {0};
    check_regions(pa, &tally);
    check(tally.mapped == atomic_get(&pa->mapped));
    check(tally.nregions == atomic_get(&pa->nregions));
    extents_t *collections[] = {&pa->dirty, &pa->muzzy, &pa->retained};
    for (unsigned i = 0; i < 3; i++) {
        extents_tally_t members = extents_check(collections[i]);
        extents_check_same(&members, &tally.states[collections[i]->state]);
    }
}

void
pa_check(page_alloc_t *pa) {
    pa_lock_layout(pa);
    pa_check_locked(pa);
    pa_unlock_layout(pa);
}

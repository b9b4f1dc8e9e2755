/* region.c -- the list of regions, and new ones: their size, the call of the provider, checks of what it returned. */
#include "extent/region.h"

#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/highwater.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/pages.h"

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

void
region_enlist(page_alloc_t *pa, region_t *region) {
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

void
region_delist(page_alloc_t *pa, region_t **link, region_t *previous) {
    region_t *region = *link;
    *link = region->next;
    if (pa->last_region == region) {
        pa->last_region = previous;
    }
    counter_add(&pa->mapped, -region->size);
    counter_add(&pa->nregions, (size_t)-1);
}

void
region_enter_extent(const region_t *region, extent_t *e) {
    e->sn = region->sn;
    pagemap_set_boundary(e->addr, e->size, e);
}

void
region_advise_thp(page_alloc_t *pa, const region_t *region) {
    pages_thp_t mode = (pages_thp_t)atomic_get(&pa->thp);
    if (UNLIKELY(mode != pages_thp_default) && pa_hooks(pa) == NULL) {
        pages_thp((void *)region->addr, region->size, mode);
    }
}

/* ---- new regions ------------------------------------------------------------------------------------------------- */

/* The size of the next region: doubling up to the limit, never less than `size`. */
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

/* Memory as its provider returned it. */
typedef struct {
    void *addr;
    size_t size;
    bool zeroed;
    bool committed;
} grant_t;

/* Is this memory usable: aligned, at user addresses, and not ours already? */
static bool
grant_is_sane(const grant_t *grant, size_t alignment) {
    uintptr_t addr = (uintptr_t)grant->addr;
    return (addr & (alignment - 1)) == 0 && addr != 0 && addr + grant->size > addr &&
           (addr + grant->size) >> LG_VADDR == 0 && pagemap_extent(addr) == NULL &&
           pagemap_extent(addr + grant->size - 1) == NULL;
}

/* The page map does not have the inner pages of extents: the lists of regions do. */
static bool
grant_is_in_use(page_alloc_t *pa, const grant_t *grant) {
    bool (*any)(uintptr_t, size_t) = atomic_get_acquire(&pa_overlaps_any);
    uintptr_t addr = (uintptr_t)grant->addr;
    return pa_overlaps(pa, addr, grant->size) || (any != NULL && any(addr, grant->size));
}

/* Calls the provider, and checks what it returned. */
static bool
get_memory(page_alloc_t *pa, size_t size, size_t alignment, grant_t *grant) {
    grant->size = size;
    grant->addr = hook_alloc(pa_hooks(pa), size, alignment, &grant->zeroed, &grant->committed, pa->arena);
    if (grant->addr == NULL) {
        return false;
    }
    if (LIKELY(pa_hooks(pa) == NULL)) {
        return grant_is_sane(grant, alignment); /* false: it is in a range that is just being lost */
    }
    if (!grant_is_sane(grant, alignment) || grant_is_in_use(pa, grant)) {
        warn("the alloc hook of an arena returned memory that is misaligned, out of range or in use; it is not used");
        return false;
    }
    return true;
}

/* Hooks without split cannot cut an allocation out of a larger region. */
static bool
can_split(page_alloc_t *pa) {
    const extent_hooks_t *hooks = pa_hooks(pa);
    return hooks == NULL || hooks->split != NULL;
}

/* Tries the size of the growth series, then the least one, then that again after make_room. */
static bool
get_multiple(page_alloc_t *pa, size_t least, size_t alignment, size_t unit, bool exact, make_room_t *make_room,
             grant_t *grant) {
    size_t size = exact || !can_split(pa) ? least : align_up(next_region_size(pa, least), unit);
    return get_memory(pa, size, alignment, grant) || (size > least && get_memory(pa, least, alignment, grant)) ||
           (make_room(pa) && get_memory(pa, least, alignment, grant));
}

/* Whole huge pages if the arena is hugepage-aware; if the provider has none, pages. */
static bool
get_region(page_alloc_t *pa, size_t least, size_t alignment, bool exact, make_room_t *make_room, grant_t *grant) {
    size_t hugepage = exact ? 0 : pa_hugepage_size(pa);
    if (UNLIKELY(hugepage != 0)) {
        size_t strictest = alignment > hugepage ? alignment : hugepage;
        if (get_multiple(pa, align_up(least, hugepage), strictest, hugepage, false, make_room, grant)) {
            return true;
        }
    }
    return get_multiple(pa, least, alignment, sc.page, exact, make_room, grant);
}

/* The descriptor of the one extent that fills a new region. */
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

/* Appends the region to the list, with one busy extent that fills it. */
static void
enter_region(page_alloc_t *pa, region_t *region, extent_t *e, const grant_t *grant) {
    region->addr = (uintptr_t)grant->addr;
    region->size = grant->size;
    extents_lock(&pa->retained);
    fill_descriptor(pa, e, grant);
    region_enlist(pa, region);
    region_enter_extent(region, e);
    extents_unlock(&pa->retained);
}

/* Record and descriptor are allocated first: memory that the provider returned must not be lost for want of them. */
extent_t *
pa_new_region(page_alloc_t *pa, size_t size, size_t alignment, bool exact, make_room_t *make_room) {
    witness_no_core_lock();
    region_t *region = pa_new_record();
    extent_t *e = extent_new();
    grant_t grant;
    bool granted = region != NULL && e != NULL && get_region(pa, size, alignment, exact, make_room, &grant);
    if (granted && pagemap_ensure((uintptr_t)grant.addr, grant.size)) {
        enter_region(pa, region, e, &grant);
        region_advise_thp(pa, region);
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

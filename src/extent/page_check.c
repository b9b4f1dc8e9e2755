/* page_check.c -- walks the regions and the collections, and compares. */
#include "extent/page_check.h"

#include "base/check.h"
#include "extent/pagemap.h"

#define GRANULE ((uintptr_t)1 << LG_GRANULE)

/* ---- one collection ---------------------------------------------------------------------------------------------- */

/* The mixing, x -> x * odd ^ high half of it, makes the sums over different sets of addresses differ. */
void
extents_count(extents_tally_t *tally, const extent_t *e) {
    uint64_t mixed = (uint64_t)e->addr * UINT64_C(0x9e3779b97f4a7c15);
    tally->count++;
    tally->npages += extent_npages(e);
    tally->places += mixed ^ mixed >> 32;
}

void
extents_check_same(const extents_tally_t *a, const extents_tally_t *b) {
    check(a->count == b->count);
    check(a->npages == b->npages);
    check(a->places == b->places);
}

/* What a membership demands of an extent. */
static void
check_member(extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    check(atomic_get(&e->owner) == extent_owner(x->arena, x->state));
    check(e->size > 0 && e->size % sc.page == 0 && e->addr % sc.page == 0);
    check(e->szind == SC_NONE && !e->slab);
    check(e->committed || x->state == extent_retained);
    check(pagemap_extent(e->addr) == e);
    check(pagemap_extent(extent_end(e) - ((uintptr_t)1 << LG_GRANULE)) == e);
    check(pagemap_class((void *)e->addr) == 0);
}

/* Stamps rise, and each member is on the list where it belongs. Returns the purgeable pages. */
static size_t
check_list(extents_t *x, const list_t *list, extents_tally_t *tally) REQUIRES(role_extents) {
    size_t nwhole = 0;
    uint64_t stamp = 0;
    for (const list_t *at = list->next; at != list; at = at->next) {
        const extent_t *e = container_of(at, extent_t, link);
        check(at->next->prev == at && at->prev->next == at);
        check(e->lru_stamp > stamp && e->lru_stamp < x->next_stamp);
        check_member(x, e);
        check(list == (extents_whole(x, e) > 0 ? &x->lru : &x->partial));
        nwhole += extents_whole(x, e);
        stamp = e->lru_stamp;
        extents_count(tally, e);
    }
    return nwhole;
}

/* Does a belong after b in a heap, or at the same place? */
static bool
not_before(const heap_node_t *a, const heap_node_t *b) {
    const extent_t *ea = container_of(a, extent_t, fit);
    const extent_t *eb = container_of(b, extent_t, fit);
    return ea->sn != eb->sn ? ea->sn > eb->sn : ea->addr >= eb->addr;
}

/* Each link is mutual, and no child belongs before its parent. */
static void
check_node(const heap_t *heap, const heap_node_t *node) REQUIRES(role_extents) {
    check(node->prev == NULL ? node == heap_first(heap) : node->prev->child == node || node->prev->next == node);
    for (const heap_node_t *child = node->child; child != NULL; child = child->next) {
        check(not_before(child, node));
        check(child->next == NULL || child->next->prev == child);
    }
}

/* The heap of one page class, its bit and its counters. */
static void
check_heap(extents_t *x, uint32_t class, extents_tally_t *tally) REQUIRES(role_extents) {
    const heap_t *heap = &x->heaps[class];
    extents_tally_t members = {0};
    size_t count, npages;
    check(bitmap_has(x->nonempty, class) == (heap_first(heap) != NULL));
    for (const heap_node_t *node = heap_first(heap); node != NULL; node = heap_next(node)) {
        const extent_t *e = container_of(node, extent_t, fit);
        check_node(heap, node);
        check_member(x, e);
        check(sc_page_class_floor(extent_npages(e)) == class);
        extents_count(&members, e);
        extents_count(tally, e);
    }
    extents_of_class(x, class, &count, &npages);
    check(members.count == count);
    check(members.npages == npages);
}

/* Spare descriptors are counted, and look busy to other threads. */
static void
check_spare(extents_t *x) REQUIRES(role_extents) {
    uint32_t n = 0;
    for (const list_t *at = x->spare.next; at != &x->spare; at = at->next) {
        check(extent_state(container_of(at, extent_t, link)) == extent_busy);
        n++;
    }
    check(n == x->nspare && n <= EXTENTS_SPARE);
}

extents_tally_t
extents_check(extents_t *x) {
    check_spare(x);
    extents_tally_t by_age = {0};
    extents_tally_t by_size = {0};
    size_t nwhole = check_list(x, &x->lru, &by_age);
    nwhole += check_list(x, &x->partial, &by_age);
    for (uint32_t class = 0; class < SC_NPAGE_CLASSES; class ++) {
        check_heap(x, class, &by_size);
    }
    extents_check_same(&by_age, &by_size);
    check(by_age.count == atomic_get(&x->count));
    check(by_age.npages == atomic_get(&x->npages));
    check(nwhole == extents_purgeable(x));
    return by_age;
}

/* ---- the regions ------------------------------------------------------------------------------------------------- */

/* What the regions hold, by state. */
typedef struct {
    extents_tally_t states[extent_busy + 1];
    size_t mapped;
    size_t nregions;
} layout_tally_t;

/* The invariants of extent.h, of one extent. */
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

/* The page map's entries of one granule of e: its descriptor, and the class that caches may take it for. */
static void
check_granule(const extent_t *e, uintptr_t granule) REQUIRES(role_extents) {
    const extent_t *entry = pagemap_extent(granule);
    uint32_t class = pagemap_class((void *)granule);
    bool classed = e->slab || (granule == e->addr && extent_state(e) == extent_active);
    check(entry == e || (entry == NULL && !is_boundary(e, granule)));
    check(entry != e || e->slab || is_boundary(e, granule));
    check(class == 0 || (classed && class == e->szind + 1));
}

/* Extents follow each other without a gap, from the start of the region to its end. */
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

/* Serial numbers rise along the list. */
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
    extents_t *collections[] = {&pa->dirty.extents, &pa->muzzy.extents, &pa->retained};
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

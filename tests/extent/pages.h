/*
 * pages.h -- one arena's pages for the tests of page_alloc.h: begun, walked from outside, and ended. The walk is the
 * tests' own, and works in every variant; debug builds add pa_check.
 */
#ifndef TESTS_EXTENT_PAGES_H
#define TESTS_EXTENT_PAGES_H

#include "../base/testing.h"

#include "extent/decay_pass.h"
#include "extent/dirty_limits.h"
#include "extent/hugepage.h"
#include "extent/page_alloc.h"
#include "extent/page_check.h"
#include "extent/pagemap.h"
#include "extent/purge.h"
#include "extent/region_release.h"
#include "extent/resize.h"

#include <stdlib.h>

/* No arena of the process itself has this index. */
#define TEST_ARENA 4001

/* Bytes by state, and how many extents each state has. */
typedef struct {
    size_t bytes[extent_busy + 1];
    size_t count[extent_busy + 1];
    size_t mapped, nregions;
    const char *broken; /* what the walk found wrong; NULL if nothing */
} layout_t;

/* An extent that the walk meets at `addr`, where one should start. */
static inline const char *
extent_fault(const extent_t *e, const region_t *region, uintptr_t addr) {
    if (e->addr != addr || e->size == 0 || e->size % sc.page != 0) {
        return "an extent does not start where the one before it ends";
    }
    if (extent_end(e) > region->addr + region->size || e->sn != region->sn) {
        return "an extent reaches beyond its region";
    }
    if (e->is_head != (addr == region->addr) || extent_arena(e) != TEST_ARENA) {
        return "a descriptor is not of its place";
    }
    bool active = extent_state(e) == extent_active;
    return active != (e->szind != SC_NONE) || (e->slab && !active) ? "a class does not go with the state" : NULL;
}

static inline void
walk_region(const region_t *region, layout_t *layout) {
    for (uintptr_t addr = region->addr; addr < region->addr + region->size;) {
        const extent_t *e = pagemap_extent(addr);
        layout->broken = e == NULL ? "a region is not covered by extents" : extent_fault(e, region, addr);
        if (e == NULL || layout->broken != NULL) {
            return;
        }
        layout->bytes[extent_state(e)] += e->size;
        layout->count[extent_state(e)]++;
        addr = extent_end(e);
    }
}

/* Reads the whole layout, with the locks held, so that it may be read at any time. */
static inline layout_t
walk(page_alloc_t *pa) {
    layout_t layout = {.broken = NULL};
    pa_lock_layout(pa);
    for (const region_t *r = pa->regions; r != NULL && layout.broken == NULL; r = r->next) {
        layout.mapped += r->size;
        layout.nregions++;
        walk_region(r, &layout);
        if (r->next != NULL && (r->next->sn < r->sn || (r->next->sn == r->sn && r->next->addr < r->addr))) {
            layout.broken = "serial numbers do not rise";
        }
    }
    if (layout.broken == NULL && (layout.bytes[extent_dirty] != atomic_get(&pa->dirty.extents.npages) * sc.page ||
                                  layout.bytes[extent_muzzy] != atomic_get(&pa->muzzy.extents.npages) * sc.page ||
                                  layout.bytes[extent_retained] != atomic_get(&pa->retained.npages) * sc.page ||
                                  layout.mapped != atomic_get(&pa->mapped))) {
        layout.broken = "the accounts do not agree with the layout";
    }
    pa_unlock_layout(pa);
    return layout;
}

/* Nobody else uses pa: the layout is sound, nothing is in transit, and just so many bytes are active. */
static inline layout_t
check_pages(page_alloc_t *pa, size_t active) {
    if (config_debug) {
        pa_check(pa);
    }
    layout_t layout = walk(pa);
    if (layout.broken != NULL) {
        fail_msg("%s", layout.broken);
    }
    assert_int_equal(layout.bytes[extent_busy], 0);
    assert_int_equal(layout.bytes[extent_active], active);
    assert_int_equal(layout.nregions, atomic_get(&pa->nregions));
    return layout;
}

/* The extent that is registered at an address, where one must be. */
static inline const extent_t *
extent_at(uintptr_t addr) {
    const extent_t *e = pagemap_extent(addr);
    if (e == NULL) {
        fail_msg("no extent at %p", (void *)addr);
        abort();
    }
    return e;
}

/* decay times in ms; time starts at 0. */
static inline void
pages_begin(page_alloc_t *pa, int64_t dirty_ms, int64_t muzzy_ms) {
    memset(pa, 0, sizeof *pa);
    pa_init(pa, TEST_ARENA);
    pa_set_decay_ms(pa, extent_dirty, dirty_ms, 0);
    pa_set_decay_ms(pa, extent_muzzy, muzzy_ms, 0);
}

/* Everything has been freed. */
static inline void
pages_end(page_alloc_t *pa) {
    check_pages(pa, 0);
    pa_release_all(pa);
    assert_int_equal(atomic_get(&pa->mapped), 0);
    assert_int_equal(atomic_get(&pa->nregions), 0);
    check_pages(pa, 0);
}

static inline extent_t *
alloc_extent(page_alloc_t *pa, size_t size, size_t alignment, uint32_t szind, bool slab, bool *zeroed) {
    pa_request_t request = {.size = size, .alignment = alignment, .szind = szind, .slab = slab, .zeroed = *zeroed};
    extent_t *e = pa_alloc(pa, &request);
    *zeroed = request.zeroed;
    return e;
}

/* Zeros are wanted, so that no memory is moved there (remap.c) where the system could. */
static inline extent_t *
alloc_unmoved(page_alloc_t *pa, size_t npages) {
    bool zeroed = true;
    return alloc_extent(pa, npages * sc.page, sc.page, sc_index(npages * sc.page), false, &zeroed);
}

static inline extent_t *
alloc_aligned(page_alloc_t *pa, size_t npages, size_t alignment) {
    bool zeroed = false;
    return alloc_extent(pa, npages * sc.page, alignment, sc_index(npages * sc.page), false, &zeroed);
}

static inline extent_t *
alloc_pages(page_alloc_t *pa, size_t npages) {
    return alloc_aligned(pa, npages, sc.page);
}

#endif

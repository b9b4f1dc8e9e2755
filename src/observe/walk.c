/*
 * walk.c -- a batch is copied with the arena's three collection locks held: then no boundary, state or class of its
 * extents changes (extent.h, layout rule), so each page of a region is in exactly one of the copies. Between batches
 * anything may change; the walk goes on at the first extent that starts at or after the place where it stopped.
 */
#include "observe/walk.h"

#include "arena/arenas.h"
#include "arena/slab.h"
#include "extent/pagemap.h"

#include <errno.h>
#include <string.h>

#define GRANULE ((uintptr_t)1 << LG_GRANULE)

/* Of one that no bin counts, which may not have been made out yet (slab_init), all regions are free. */
static uint32_t
nfree(const extent_t *slab, uint32_t nregs) {
    return atomic_get_acquire(&slab->bin) == NULL ? nregs : atomic_get(&slab->nfree);
}

static void
copy(const extent_t *e, lunalloc_extent_t *out) REQUIRES(role_extents) {
    *out = (lunalloc_extent_t){
        .addr = e->addr,
        .size = e->size,
        .arena = extent_arena(e),
        .state = (lunalloc_state_t)extent_state(e),
        .szind = e->szind,
        .slab = e->slab,
        .is_head = e->is_head,
        .committed = e->committed,
        .zeroed = e->zeroed,
        .sn = e->sn,
        .lru = e->lru_stamp,
    };
    if (e->slab) {
        out->nregs = sc_nregs(e->szind, extent_usable(e));
        out->nfree = nfree(e, out->nregs);
    }
}

static void
copy_totals(page_alloc_t *pa, lunalloc_page_totals_t *totals) {
    totals->arena = pa->arena;
    totals->dirty = atomic_get(&pa->dirty.npages) * sc.page;
    totals->muzzy = atomic_get(&pa->muzzy.npages) * sc.page;
    totals->retained = atomic_get(&pa->retained.npages) * sc.page;
    totals->mapped = atomic_get(&pa->mapped) - totals->retained;
    totals->active = totals->mapped - totals->dirty - totals->muzzy;
}

static size_t
copy_arena(page_alloc_t *pa, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n,
           lunalloc_page_totals_t *totals) {
    size_t got = 0;
    pa_place_t place = {.sn = cursor->region, .addr = cursor->addr};
    pa_lock_layout(pa);
    for (const extent_t *e; got < n && (e = pa_next_extent(pa, &place)) != NULL;) {
        copy(e, &out[got++]);
    }
    if (totals != NULL) {
        copy_totals(pa, totals);
    }
    pa_unlock_layout(pa);
    cursor->region = place.sn;
    cursor->addr = place.addr;
    return got;
}

size_t
walk_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals) {
    bool all = cursor->arena == LUNALLOC_ALL;
    uint32_t end = all ? arenas_count() : cursor->arena + 1;
    cursor->current = all ? cursor->current : cursor->arena;
    for (; cursor->current < end && n > 0; cursor->current++, cursor->region = 0, cursor->addr = 0) {
        arena_t *arena = arenas_get(cursor->current);
        size_t got = arena == NULL ? 0 : copy_arena(&arena->pages, cursor, out, n, totals);
        if (got > 0 || !all) {
            return got;
        }
    }
    return 0;
}

/* The registered extent whose first granule is at or before addr: only a large one has unregistered granules inside. */
static const extent_t *
before(uintptr_t addr) {
    for (uintptr_t at = align_down(addr, GRANULE); at >= GRANULE; at -= GRANULE) {
        const extent_t *e = pagemap_extent(at);
        if (e != NULL || atomic_get(&pagemap_classes.leaf[at >> LG_LEAF_SPAN]) == 0) {
            return e;
        }
    }
    return NULL;
}

static bool
covers(const extent_t *e, uintptr_t addr) {
    return e != NULL && addr >= e->addr && addr < extent_end(e);
}

/* Works on the copy: the slab itself may be gone by now. Nothing lives in one that no bin counts. */
static void
locate_reg(const extent_t *slab, uintptr_t addr, lunalloc_location_t *out) {
    const lunalloc_extent_t *e = &out->extent;
    uint32_t i = div_by(addr - e->addr, sc.magic[e->szind]);
    bin_t *bin = atomic_get(&slab->bin);
    out->region = i;
    out->region_size = sc.size[e->szind];
    out->region_addr = e->addr + i * out->region_size;
    if (bin != NULL) {
        bin_lock(bin);
        out->allocated = i < e->nregs && (slab->free_regs[i / 64] >> (i % 64) & 1) == 0;
        bin_unlock(bin);
    }
}

static void
locate(const extent_t *e, lunalloc_location_t *out) REQUIRES(role_extents) {
    copy(e, &out->extent);
    if (extent_state(e) == extent_active && !e->slab) {
        out->region_addr = e->addr;
        out->region_size = sc.size[e->szind];
        out->allocated = true;
    }
}

/* A slab's bin lock ranks before the layout's: the slab is looked at first, and again under the layout's locks. */
int
walk_find(uintptr_t addr, lunalloc_location_t *out) {
    memset(out, 0, sizeof *out);
    const extent_t *e = addr >> LG_VADDR != 0 ? NULL : before(addr);
    if (e == NULL || arenas_get(extent_arena(e)) == NULL) {
        return ENOENT;
    }
    page_alloc_t *pa = &arenas_get(extent_arena(e))->pages;
    pa_lock_layout(pa);
    bool found = before(addr) == e && covers(e, addr) && extent_arena(e) == pa->arena;
    if (found) {
        locate(e, out);
    }
    pa_unlock_layout(pa);
    if (found && out->extent.slab) {
        locate_reg(e, addr, out);
    }
    return found ? 0 : ENOENT;
}

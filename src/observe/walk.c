/* walk.c -- walks extents, finds the extent of an address, and compares both with what the system has resident. */
#include "observe/walk.h"

#include "arena/arenas.h"
#include "arena/slab_pages.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/process.h"

#include <errno.h>
#include <string.h>

#define GRANULE ((uintptr_t)1 << LG_GRANULE)
/* Extents that a reconciliation copies at a time. */
#define BATCH 64

/* A slab that is not in a bin may not be initialised yet (slab_init): all its regions count as free. */
static uint32_t
nfree(const extent_t *slab, uint32_t nregs) {
    return atomic_get_acquire(&slab->bin) == NULL ? nregs : atomic_get(&slab->nfree);
}

/* ---- the walk ---- */

static void
copy(const extent_t *e, lunalloc_extent_t *out) REQUIRES(role_extents) {
    *out = walk_descriptor(e);
    if (e->slab) {
        out->nregs = sc_nregs(e->szind, extent_usable(e));
        out->nfree = nfree(e, out->nregs);
        out->discarded = atomic_get(&e->bin) == NULL ? 0 : slab_bytes_of(e, atomic_get(&e->discarded));
    }
}

/* The arena's own counts. Under the three locks they agree with the extents. */
static void
copy_totals(page_alloc_t *pa, lunalloc_page_totals_t *totals) {
    totals->arena = pa->arena;
    totals->dirty = atomic_get(&pa->dirty.extents.npages) * sc.page;
    totals->muzzy = atomic_get(&pa->muzzy.extents.npages) * sc.page;
    totals->retained = atomic_get(&pa->retained.npages) * sc.page;
    totals->mapped = atomic_get(&pa->mapped) - totals->retained;
    totals->active = totals->mapped - totals->dirty - totals->muzzy;
}

/* Copies up to n extents from the place of the cursor on, and moves the cursor behind them. */
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

/* ---- the extent of an address ---- */

/* The extent registered at the last granule at or before addr. Only inside of large extents are granules unregistered,
 * so it is the only one that can cover addr. */
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

/* Fills in the region. Works on the copy, since the slab itself may be freed by now. A slab that is not in a bin has no
 * live region. */
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

/* Finds the extent without a lock, then checks under the locks that it still covers the address. The bin's lock ranks
 * before these, so the slab's regions are read after their release. */
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

/* ---- beside the system's figures ---- */

/* Adds up all extents. An extent may be reused or unmapped between the walk and the question to the system: then what
 * the system says is about other pages, or none. */
static void
add_extents(lunalloc_reconciliation_t *out) {
    lunalloc_extent_t batch[BATCH];
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    size_t n;
    while ((n = walk_extents(&cursor, batch, BATCH, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            lunalloc_residency_t *state = walk_residency(out, batch[i].state);
            state->counted += batch[i].size - batch[i].discarded;
            state->resident += process_resident((const void *)batch[i].addr, batch[i].size);
        }
    }
}

/* a - b, or 0. */
static uint64_t
less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

int
walk_reconcile(lunalloc_reconciliation_t *out) {
    process_memory_t process;
    *out = (lunalloc_reconciliation_t){0};
    if (!process_memory(&process)) {
        return ENOSYS;
    }
    add_extents(out);
    out->metadata = metadata_bytes();
    out->rss = process.rss;
    out->anonymous = process.anonymous;
    out->lazy_free = process.lazy_free;
    out->swap = process.swap;
    out->file = less(process.rss, process.anonymous);
    out->explained =
        out->active.resident + out->dirty.resident + out->muzzy.resident + out->retained.resident + out->metadata;
    out->unexplained = less(process.anonymous, out->explained);
    return 0;
}

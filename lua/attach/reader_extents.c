/*
 * reader_extents.c -- walks the extents of an arena in another process.
 *
 * The regions of an arena are a list. Within a region, the page map leads from the first granule of an extent to its
 * descriptor, and the size there to the next extent, as in the target's own walk (extent/page_state.h). A walk is
 * consistent if the extents cover each region without a gap, belong to the arena, and their pages by state add up to
 * what the arena counts, before and after. Otherwise the walk is made again; the last one is kept in any case, with
 * what could be read.
 */
#include "attach/reader.h"

#include "arena/slab_pages.h"
#include "base/bits.h"
#include "extent/pagemap.h"
#include "observe/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GRANULE ((uint64_t)1 << LG_GRANULE)

enum {
    EXTENTS_MAX = 1 << 26, /* most extents that an arena is believed to have */
    ROOM_MIN = 256,
    GAPS_MAX = 1 << 20,  /* granules without an extent, after which a walk ends */
    STEPS_MAX = 1 << 27, /* granules between an address and the begin of its extent */
    ENOUGH_MS = 500      /* a walk that takes longer is not made again */
};

/* ---- the page map ---- */

/* The address of the entry for an address of memory; 0: it has no leaf. */
static uint64_t
entry_of(reader_t *reader, uint64_t addr) {
    uint64_t map = foreign_variable(&reader->foreign, pagemap_classes), leaf;
    uint64_t zero_leaf = map + foreign_place(&reader->foreign, layout_at_pagemap_zero_leaf);
    uint64_t root = addr >> LG_LEAF_SPAN;
    if (root >= PAGEMAP_ROOTS ||
        !picture_read(&reader->picture,
                      map + foreign_place(&reader->foreign, layout_at_pagemap_leaf) + root * sizeof leaf, &leaf,
                      sizeof leaf) ||
        leaf == 0) {
        return 0;
    }
    uint64_t extents = zero_leaf + leaf * sizeof(uint16_t) - PAGEMAP_EXTENTS_BYTES;
    return extents + (addr >> LG_GRANULE & ((1U << LG_LEAF) - 1)) * sizeof(uint64_t);
}

uint64_t
reader_descriptor(reader_t *reader, uint64_t addr) {
    uint64_t entry = entry_of(reader, addr), descriptor = 0;
    return entry != 0 && picture_read(&reader->picture, entry, &descriptor, sizeof descriptor) ? descriptor : 0;
}

/* ---- one extent ---- */

/* Bytes before the guard page. */
static size_t
usable(const reader_t *reader, const extent_t *e) {
    return e->size - (e->guarded ? reader->classes.page : 0);
}

/* Does the descriptor describe an extent of whole pages? */
static bool
is_extent_sound(const reader_t *reader, const extent_t *e) {
    uint32_t owner = atomic_get(&e->owner), nsmall = reader->classes.nsmall, nsizes = reader->classes.nsizes;
    size_t page = reader->classes.page;
    bool ranged = e->size >= page && e->size % page == 0 && e->addr % page == 0 && e->addr + e->size > e->addr;
    bool classed = e->szind == SC_NONE || e->szind < (e->slab ? nsmall : nsizes);
    return ranged && classed && (owner & 15) <= extent_busy && (!e->slab || e->szind != SC_NONE) &&
           (!e->guarded || e->size > page);
}

/* As slab_bytes_of (arena/slab_pages.h), with the target's page. */
static size_t
discarded_bytes(const reader_t *reader, const extent_t *e) {
    unsigned lg_page = reader->classes.config.lg_page;
    size_t pages = (size_t)__builtin_popcountll(atomic_get(&e->discarded)) << slab_lg_group_pages(e->size >> lg_page);
    return pages << lg_page < e->size ? pages << lg_page : e->size;
}

static lunalloc_extent_t
public_extent(const reader_t *reader, const extent_t *e) NO_THREAD_SAFETY {
    lunalloc_extent_t out = walk_descriptor(e);
    if (e->slab) {
        uint32_t nfree = atomic_get(&e->nfree);
        out.nregs = (uint32_t)(usable(reader, e) / reader->classes.size[e->szind]);
        out.nfree = atomic_get(&e->bin) == NULL || nfree > out.nregs ? out.nregs : nfree;
        out.discarded = atomic_get(&e->bin) == NULL ? 0 : discarded_bytes(reader, e);
    }
    return out;
}

/* ---- the walk ---- */

static bool
append(reader_walk_t *walk, const lunalloc_extent_t *extent) {
    if (walk->n == walk->room) {
        size_t room = walk->room == 0 ? ROOM_MIN : 2 * walk->room;
        lunalloc_extent_t *all = room > EXTENTS_MAX ? NULL : realloc(walk->all, room * sizeof *all);
        if (all == NULL) {
            return false;
        }
        walk->all = all;
        walk->room = room;
    }
    walk->all[walk->n++] = *extent;
    return true;
}

/* Appends the extents of a region. False if something there does not fit together: that part is left out. */
static bool
walk_region(reader_t *reader, const region_t *region) {
    uint64_t at = region->addr, end = region->addr + region->size;
    bool sound = true;
    extent_t e;
    while (at < end) {
        uint64_t descriptor = reader_descriptor(reader, at);
        bool found = descriptor != 0 && reader_struct(reader, layout_extent, descriptor, &e) && e.addr == at &&
                     is_extent_sound(reader, &e) && e.size <= end - at;
        if (found) {
            lunalloc_extent_t extent = public_extent(reader, &e);
            sound = sound && extent.arena == reader->walk.arena && e.sn == region->sn;
            if (!append(&reader->walk, &extent)) {
                return false;
            }
        } else if (reader->picture.error != 0) {
            return false;
        }
        sound = sound && found;
        at += found ? e.size : GRANULE;
        reader->walk.gaps += !found;
        if (reader->walk.gaps > GAPS_MAX) {
            return false;
        }
    }
    return sound;
}

static bool
is_region_sound(const reader_t *reader, const region_t *region) {
    size_t page = reader->classes.page;
    return region->size >= page && region->size % page == 0 && region->addr % page == 0 &&
           region->addr + region->size > region->addr && (region->addr + region->size) >> LG_VADDR == 0;
}

/* Serial numbers rise along the list, and addresses among equal ones, so it has no circle. */
static bool
walk_regions(reader_t *reader, const page_alloc_t *pa) NO_THREAD_SAFETY {
    uint64_t at = (uintptr_t)pa->regions;
    size_t most = atomic_get(&pa->mapped), covered = 0;
    region_t region, before = {0};
    bool sound = true;
    for (; at != 0; at = (uintptr_t)region.next) {
        bool found = reader_struct(reader, layout_region, at, &region) && is_region_sound(reader, &region);
        bool later =
            found && (region.sn > before.sn || (region.sn == before.sn && region.addr > before.addr) || covered == 0);
        if (!later || region.size > most - covered || reader->walk.gaps > GAPS_MAX) {
            return false;
        }
        covered += region.size;
        sound = walk_region(reader, &region) && sound;
        before = region;
    }
    return sound && covered == most;
}

/* ---- does it fit together? ---- */

static size_t
pages_in_state(const reader_walk_t *walk, lunalloc_state_t state) {
    size_t bytes = 0;
    for (size_t i = 0; i < walk->n; i++) {
        bytes += walk->all[i].state == state ? walk->all[i].size : 0;
    }
    return bytes;
}

static void
set_totals(const reader_t *reader, const page_alloc_t *pa, lunalloc_page_totals_t *totals) {
    size_t page = reader->classes.page;
    totals->arena = reader->walk.arena;
    totals->dirty = atomic_get(&pa->dirty.extents.npages) * page;
    totals->muzzy = atomic_get(&pa->muzzy.extents.npages) * page;
    totals->retained = atomic_get(&pa->retained.npages) * page;
    totals->mapped = atomic_get(&pa->mapped) - totals->retained;
    totals->active = totals->mapped - totals->dirty - totals->muzzy;
}

static bool
do_totals_agree(const reader_walk_t *walk) {
    const lunalloc_page_totals_t *totals = &walk->totals;
    return pages_in_state(walk, LUNALLOC_DIRTY) == totals->dirty &&
           pages_in_state(walk, LUNALLOC_MUZZY) == totals->muzzy &&
           pages_in_state(walk, LUNALLOC_RETAINED) == totals->retained &&
           pages_in_state(walk, LUNALLOC_ACTIVE) + pages_in_state(walk, LUNALLOC_BUSY) == totals->active;
}

/* Did no extent enter or leave a collection, and no region the arena? */
static bool
is_unchanged(const page_alloc_t *a, const page_alloc_t *b) {
    return atomic_get(&a->mapped) == atomic_get(&b->mapped) &&
           atomic_get(&a->dirty.extents.lock.nops) == atomic_get(&b->dirty.extents.lock.nops) &&
           atomic_get(&a->muzzy.extents.lock.nops) == atomic_get(&b->muzzy.extents.lock.nops) &&
           atomic_get(&a->retained.lock.nops) == atomic_get(&b->retained.lock.nops);
}

static uint64_t
now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One walk. An error is one of the memory. */
static int
walk_once(reader_t *reader, bool *sound) {
    reader_walk_t *walk = &reader->walk;
    reader_arena_t before, after;
    picture_renew(&reader->picture);
    walk->n = walk->gaps = 0;
    int error = reader_arena(reader, walk->arena, &before);
    if (error != 0) {
        return error;
    }
    set_totals(reader, &before.arena.pages, &walk->totals);
    *sound = walk_regions(reader, &before.arena.pages) && do_totals_agree(walk);
    if (reader->picture.error != 0) {
        return reader_fail(reader, reader->picture.error, "%s", reader->memory->message);
    }
    error = reader_arena(reader, walk->arena, &after);
    *sound = *sound && error == 0 && is_unchanged(&before.arena.pages, &after.arena.pages);
    return error;
}

int
reader_walk(reader_t *reader, uint32_t arena) {
    bool sound = false;
    int error = 0;
    reader->walk.arena = arena;
    reader->walk.n = 0;
    reader->walk.totals = (lunalloc_page_totals_t){.arena = arena};
    if (arena >= reader->narenas || reader->table[arena] == 0) {
        return 0;
    }
    uint64_t begin = now_ms();
    for (unsigned i = 0; i < READER_TRIES && !sound && error == 0 && now_ms() - begin < ENOUGH_MS; i++) {
        error = walk_once(reader, &sound);
    }
    picture_renew(&reader->picture);
    reader->walk.consistent = sound;
    reader->consistent = reader->consistent && sound;
    return error;
}

/* ---- the extent of an address ---- */

/* The descriptor at the last registered granule at or before the address, as in the target (observe/walk.c). */
static uint64_t
descriptor_before(reader_t *reader, uint64_t addr) {
    uint64_t at = align_down(addr, GRANULE);
    for (unsigned n = 0; n < STEPS_MAX && at >= GRANULE; n++, at -= GRANULE) {
        uint64_t entry = entry_of(reader, at), descriptor = 0;
        if (entry == 0) {
            return 0;
        }
        if (!picture_read(&reader->picture, entry, &descriptor, sizeof descriptor) || descriptor != 0) {
            return descriptor;
        }
    }
    return 0;
}

/* Fills in the region of a slab. */
static void
locate_region(reader_t *reader, uint64_t descriptor, const extent_t *e, uint64_t addr, lunalloc_location_t *out) {
    uint64_t words = descriptor + foreign_place(&reader->foreign, layout_at_free_regs), word = 0;
    uint32_t i = (uint32_t)((addr - e->addr) / reader->classes.size[e->szind]);
    out->region = i;
    out->region_size = reader->classes.size[e->szind];
    out->region_addr = e->addr + i * out->region_size;
    out->allocated = atomic_get(&e->bin) != NULL && i < out->extent.nregs &&
                     picture_read(&reader->picture, words + i / 64 * sizeof word, &word, sizeof word) &&
                     (word >> (i % 64) & 1) == 0;
}

int
reader_find(reader_t *reader, uint64_t addr, lunalloc_location_t *out) {
    extent_t e;
    memset(out, 0, sizeof *out);
    uint64_t descriptor = addr >> LG_VADDR != 0 ? 0 : descriptor_before(reader, addr);
    if (descriptor == 0 || !reader_struct(reader, layout_extent, descriptor, &e) || !is_extent_sound(reader, &e) ||
        addr < e.addr || addr - e.addr >= e.size) {
        return reader->picture.error != 0
                   ? reader_fail(reader, reader->picture.error, "%s", reader->memory->message)
                   : reader_fail(reader, ENOENT, "0x%llx is no memory of this allocator", (unsigned long long)addr);
    }
    out->extent = public_extent(reader, &e);
    if (e.slab) {
        locate_region(reader, descriptor, &e, addr, out);
    } else if (out->extent.state == LUNALLOC_ACTIVE && e.szind != SC_NONE) {
        out->region_addr = e.addr;
        out->region_size = reader->classes.size[e.szind];
        out->allocated = true;
    }
    return 0;
}

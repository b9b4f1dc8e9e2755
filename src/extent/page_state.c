/* page_state.c -- one arena's pages: initialisation, the walk, the locks. */
#include "extent/page_state.h"

#include "extent/pagemap.h"
#include "extent/purger.h"

#define REGION_MIN ((size_t)1 << 20)

bool (*_Atomic pa_overlaps_any)(uintptr_t addr, size_t size);

void
pa_init(page_alloc_t *pa, uint32_t arena) {
    pa->arena = arena;
    lock_init(&pa->decay_lock, RANK_DECAY);
    pa_lock_decay(pa);
    stage_init(&pa->dirty, arena, extent_dirty, RANK_DIRTY);
    stage_init(&pa->muzzy, arena, extent_muzzy, RANK_MUZZY);
    pa_unlock_decay(pa);
    pa->dirty.next = &pa->muzzy;
    atomic_set(&pa->muzzy.entered_at, UINT64_MAX);
    extents_init(&pa->retained, arena, extent_retained, RANK_RETAINED);
    extents_lock(&pa->retained);
    pa->next_size = config_torture ? sc.page : REGION_MIN;
    extents_unlock(&pa->retained);
    atomic_set(&pa->dirty_max, -1);
    atomic_set(&pa->wake_threshold, PURGER_WORTH >> sc.config.lg_page);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The first extent of the region that starts at or after addr; NULL at its end. */
static extent_t *
first_from(const region_t *region, uintptr_t addr) REQUIRES(role_extents) {
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
        extent_t *e = first_from(region, here ? place->addr : region->addr);
        if (e != NULL) {
            *place = (pa_place_t){.sn = region->sn, .addr = extent_end(e)};
            return e;
        }
    }
    return NULL;
}

bool
pa_overlaps(page_alloc_t *pa, uintptr_t addr, size_t size) {
    bool found = false;
    extents_lock(&pa->retained);
    for (const region_t *region = pa->regions; region != NULL && !found; region = region->next) {
        found = addr < region->addr + region->size && region->addr < addr + size;
    }
    extents_unlock(&pa->retained);
    return found;
}

/* ---- locks ------------------------------------------------------------------------------------------------------- */

void
pa_lock_layout(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_acquire(&pa->dirty.extents.lock);
    lock_acquire(&pa->muzzy.extents.lock);
    lock_acquire(&pa->retained.lock);
}

void
pa_unlock_layout(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_release(&pa->retained.lock);
    lock_release(&pa->muzzy.extents.lock);
    lock_release(&pa->dirty.extents.lock);
}

void
pa_lock_decay(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_acquire(&pa->decay_lock);
}

bool
pa_try_lock_decay(page_alloc_t *pa) NO_THREAD_SAFETY {
    return lock_try(&pa->decay_lock);
}

void
pa_unlock_decay(page_alloc_t *pa) NO_THREAD_SAFETY {
    lock_release(&pa->decay_lock);
}

void
pa_update_deadline(page_alloc_t *pa) {
    uint64_t deadline = UINT64_MAX;
    if (atomic_get(&pa->dirty.entered_at) != 0) {
        uint64_t dirty = decay_deadline(&pa->dirty.decay);
        uint64_t muzzy = decay_deadline(&pa->muzzy.decay);
        deadline = dirty < muzzy ? dirty : muzzy;
    }
    atomic_set(&pa->deadline, deadline);
}

void
pa_prefork_decay(page_alloc_t *pa) {
    lock_prefork_sibling(&pa->decay_lock);
}

void
pa_prefork_extents(page_alloc_t *pa, extent_state_t state) {
    lock_prefork_sibling(&pa_extents(pa, state)->lock);
}

void
pa_postfork(page_alloc_t *pa, bool child) {
    lock_t *locks[] = {&pa->retained.lock, &pa->muzzy.extents.lock, &pa->dirty.extents.lock, &pa->decay_lock};
    for (unsigned i = 0; i < 4; i++) {
        lock_postfork(locks[i], child);
    }
    if (child) {
        atomic_set(&pa->prefault.busy, false); /* a thread that made a batch does not exist here */
    }
}

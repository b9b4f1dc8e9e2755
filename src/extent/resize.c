/* resize.c -- growth in place, and at another address. */
#include "extent/resize.h"

#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/mappings.h"
#include "extent/page_alloc.h"
#include "extent/pagemap.h"
#include "extent/region.h"
#include "extent/region_release.h"
#include "extent/remap.h"
#include "extent/trim_to_peak.h"
#include "os/pages.h"

/* ---- in place ---------------------------------------------------------------------------------------------------- */

/* Takes up to `most` bytes that start at addr from x, busy; NULL if x has nothing there that may merge leftward. */
static extent_t *
take_starting(page_alloc_t *pa, extents_t *x, uintptr_t addr, size_t most) {
    extents_lock(x);
    extent_t *e = extents_member_starting(x, addr);
    if (e != NULL && e->is_head) {
        e = NULL;
    }
    if (e != NULL) {
        extents_remove(x, e);
        e = pa_carve(pa, x, e, addr, most < e->size ? most : e->size);
    }
    extents_unlock(x);
    return e;
}

/* The collection of the extent at addr, as read without a lock; NULL if that extent is not free. */
static extents_t *
collection_at(page_alloc_t *pa, uintptr_t addr) {
    const extent_t *e = pagemap_extent(addr);
    uint32_t owner = e == NULL ? 0 : atomic_get(&e->owner);
    for (extent_state_t state = extent_dirty; state <= extent_retained; state++) {
        if (owner == extent_owner(pa->arena, state)) {
            return pa_extents(pa, state);
        }
    }
    return NULL;
}

/* Commits busy e. If that is refused, e becomes free, and NULL is returned. */
static extent_t *
commit_piece(page_alloc_t *pa, extent_t *e) {
    bool committed = e->committed || hook_commit(pa_hooks(pa), (void *)e->addr, e->size, pa->arena);
    if (!committed) {
        pa_put(pa, &pa->retained, e, false, e->zeroed);
        return NULL;
    }
    extents_lock(&pa->retained);
    e->committed = true;
    extents_unlock(&pa->retained);
    return e;
}

/* Takes up to `most` bytes that start at addr from any collection, busy. A piece of fresh pages that completes what is
 * wanted gets the memory of idle dirty extents. */
static extent_t *
take_piece(page_alloc_t *pa, uintptr_t addr, size_t most) {
    extents_t *x = collection_at(pa, addr);
    extent_t *e = x == NULL ? NULL : take_starting(pa, x, addr, most);
    e = e == NULL || e->committed ? e : commit_piece(pa, e);
    bool touched;
    return e != NULL && x == &pa->retained && e->size == most && !pa_remap(pa, e, 0, &touched) ? NULL : e;
}

/* Appends busy `piece` to busy `run`. If the merge hook refuses, both become free. */
static bool
append_piece(page_alloc_t *pa, extent_t *run, extent_t *piece) {
    extents_lock(&pa->dirty.extents);
    bool joined = pa_join(pa, &pa->dirty.extents, run, piece);
    extents_unlock(&pa->dirty.extents);
    if (!joined) {
        pa_dalloc(pa, piece);
        pa_dalloc(pa, run);
    }
    return joined;
}

/* Takes `size` bytes that start at addr, busy. NULL if not all of them are free; then nothing changed. */
static extent_t *
take_run(page_alloc_t *pa, uintptr_t addr, size_t size) {
    extent_t *run = take_piece(pa, addr, size);
    while (run != NULL && run->size < size) {
        extent_t *piece = take_piece(pa, extent_end(run), size - run->size);
        if (piece == NULL) {
            pa_dalloc(pa, run);
            return NULL;
        }
        run = append_piece(pa, run, piece) ? run : NULL;
    }
    return run;
}

/* Takes all pages before e changes: cutting e back would need a descriptor, and the split hook might refuse. */
bool
pa_expand(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    extent_t *run = take_run(pa, extent_end(e), size - e->size);
    if (run == NULL) {
        return false;
    }
    extents_lock(&pa->dirty.extents);
    bool joined = pa_join(pa, &pa->dirty.extents, e, run);
    e->szind = joined ? szind : e->szind;
    extents_unlock(&pa->dirty.extents);
    if (!joined) {
        pa_dalloc(pa, run);
    }
    pa_trim_to_peak(pa);
    return joined;
}

/* ---- at another address ------------------------------------------------------------------------------------------ */

/* Not if dirty pages fit, since copying is as cheap then; nor if the new extent should have a guard page. */
static bool
may_relocate(page_alloc_t *pa, size_t from, size_t to) {
    if (atomic_get(&pa->guard) || !pa_may_remap(pa, from)) {
        return false;
    }
    extents_lock(&pa->dirty.extents);
    bool fits = extents_fit_active(&pa->dirty.extents, to, sc.page) != NULL;
    extents_unlock(&pa->dirty.extents);
    return !fits;
}

/* An extent to move e to. As many bytes as e has read as zeros; the rest may have the memory of dirty extents. */
static extent_t *
alloc_target(page_alloc_t *pa, const extent_t *e, size_t size, uint32_t szind) {
    pa_request_t request = {.size = size, .alignment = sc.page, .szind = szind};
    extent_t *to = may_relocate(pa, e->size, size) ? pa_alloc_untouched(pa, &request) : NULL;
    if (to != NULL && !(request.zeroed && mappings_may_move())) {
        pa_dalloc(pa, to);
        return NULL;
    }
    bool touched;
    return to != NULL && pa_remap(pa, to, e->size, &touched) ? to : NULL;
}

/* Moves the memory of e to `to`, and frees e. What the system does not move is copied. False: `to` is lost. */
static bool
move_to(page_alloc_t *pa, extent_t *e, extent_t *to) {
    bool moved;
    if (!pages_carry((void *)e->addr, e->size, (void *)to->addr, to->size, &moved)) {
        return false;
    }
    mappings_carried(e->addr, to->addr, e->size);
    atomic_add(&pa->relocated_bytes, moved ? e->size : 0);
    if (moved) {
        pa_put(pa, &pa->retained, e, true, true);
    } else {
        pa_dalloc(pa, e);
    }
    return true;
}

/* The record that a loss needs is allocated before any memory moves. */
extent_t *
pa_relocate(page_alloc_t *pa, extent_t *e, size_t size, uint32_t szind) {
    witness_no_core_lock();
    region_t *record = pa_new_record();
    extent_t *to = record == NULL ? NULL : alloc_target(pa, e, size, szind);
    if (to != NULL && !move_to(pa, e, to)) {
        pa_lose(pa, to, record);
        return NULL;
    }
    if (record != NULL) {
        pa_delete_record(record);
    }
    pa_trim_to_peak(pa);
    if (to != NULL) {
        pa_note_retained(pa);
    }
    return to;
}

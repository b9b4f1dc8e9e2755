/*
 * coalesce_across.c -- a run of pages out of neighbours in different states: where no dirty extent is large enough, a dirty one
 * together with the free pages beside it, so that fewer pages are touched for the first time. Part of page_alloc.h's
 * contract.
 *
 * All three collections stay locked meanwhile, so that no hook may be asked: only for arenas without hooks, and if some
 * come meanwhile, they come after this. Only committed pages.
 */
#include "extent/page_alloc.h"

#include "base/witness.h"

/* Dirty extents that are tried, the largest first, none of less than 1/SHARE of what is wanted. */
#define TRIES 8
#define SHARE 4

/* Where a run of the wanted size can start: in `first`, at addr. first == NULL: nowhere. */
typedef struct {
    extent_t *first;
    uintptr_t addr;
} window_t;

static extents_t *
collection_of(page_alloc_t *pa, const extent_t *e) {
    extent_state_t state = extent_state(e);
    return state == extent_dirty ? &pa->dirty : state == extent_muzzy ? &pa->muzzy : &pa->retained;
}

/* A free, committed neighbour of the same region: the one that starts, or that ends, at addr; or NULL. */
static extent_t *
starting(page_alloc_t *pa, uintptr_t addr) REQUIRES(role_extents) {
    extent_t *e = extents_member_starting(&pa->retained, addr);
    e = e != NULL ? e : extents_member_starting(&pa->dirty, addr);
    e = e != NULL ? e : extents_member_starting(&pa->muzzy, addr);
    return e != NULL && e->committed && !e->is_head ? e : NULL;
}

static extent_t *
ending(page_alloc_t *pa, uintptr_t addr) REQUIRES(role_extents) {
    extent_t *e = extents_member_ending(&pa->retained, addr);
    e = e != NULL ? e : extents_member_ending(&pa->dirty, addr);
    e = e != NULL ? e : extents_member_ending(&pa->muzzy, addr);
    return e != NULL && e->committed ? e : NULL;
}

/* As far as needed, first to the right, then to the left. */
static window_t
window_around(page_alloc_t *pa, extent_t *e, size_t size) REQUIRES(role_extents) {
    uintptr_t end = extent_end(e);
    for (extent_t *next; end - e->addr < size && (next = starting(pa, end)) != NULL;) {
        end = extent_end(next);
    }
    extent_t *first = e;
    while (first != NULL && end - first->addr < size) {
        first = first->is_head ? NULL : ending(pa, first->addr);
    }
    return (window_t){.first = first, .addr = first == e ? e->addr : end - size};
}

static window_t
find(page_alloc_t *pa, size_t size) REQUIRES(role_extents) {
    window_t window = {.first = NULL};
    size_t npages = size >> sc.config.lg_page;
    unsigned tries = TRIES;
    uint32_t last = sc_page_class_floor(npages < SHARE ? 1 : npages / SHARE);
    for (uint32_t i = sc_page_class_floor(npages) + 1; i-- > last;) {
        const heap_node_t *node = heap_first(&pa->dirty.heaps[i]);
        for (; node != NULL && window.first == NULL && tries > 0; node = heap_next(node)) {
            window = window_around(pa, container_of(node, extent_t, fit), size);
            tries--;
        }
    }
    return window;
}

/* Takes [addr, addr + size), or as much of its front as is there, out of member e; what is left over stays free. NULL
 * without memory. */
static extent_t *
take_from(page_alloc_t *pa, extent_t *e, uintptr_t addr, size_t size) REQUIRES(role_extents) {
    extents_t *x = collection_of(pa, e);
    extents_remove(x, e);
    if (addr > e->addr) {
        extent_t *rest = pa_split_unasked(pa, x, e, addr - e->addr);
        extents_insert(x, e);
        e = rest;
    }
    if (e != NULL && e->size > size) {
        extent_t *rest = pa_split_unasked(pa, x, e, size);
        extents_insert(x, rest == NULL ? e : rest);
        e = rest == NULL ? NULL : e;
    }
    return e;
}

static extent_t *
take_window(page_alloc_t *pa, const window_t *window, size_t size) REQUIRES(role_extents) {
    extent_t *run = take_from(pa, window->first, window->addr, size);
    while (run != NULL && run->size < size) {
        uintptr_t end = extent_end(run);
        extent_t *next = take_from(pa, starting(pa, end), end, size - run->size);
        if (next == NULL) {
            extents_insert(&pa->dirty, run);
            return NULL;
        }
        pa_join_unasked(&pa->dirty, run, next);
    }
    return run;
}

extent_t *
pa_coalesce_across(page_alloc_t *pa, size_t size) {
    witness_no_core_lock();
    if (pa_hooks(pa) != NULL || atomic_get(&pa->dirty.npages) < (size >> sc.config.lg_page) / SHARE + 1) {
        return NULL;
    }
    pa_lock_layout(pa);
    window_t window = find(pa, size);
    extent_t *e = window.first == NULL ? NULL : take_window(pa, &window, size);
    pa_unlock_layout(pa);
    return e;
}

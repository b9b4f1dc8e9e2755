/*
 * coalesce_across.c -- a run of pages out of neighbours in different states: if no dirty extent is large enough, a
 * dirty one together with the free pages beside it. So fewer pages are touched for the first time.
 *
 * All three collections are locked throughout, and no hook may run meanwhile: only for arenas without hooks. If hooks
 * are set in the meantime, they are in force from the next operation on. Only committed pages are taken.
 */
#include "extent/coalesce.h"

#include "base/witness.h"

/* Dirty extents that are tried, the largest first, none smaller than 1/SHARE of the wanted size. */
#define TRIES 8
#define SHARE 4

/* A place for a run of the wanted size: it starts in `first`, at addr. first == NULL: there is none. */
typedef struct {
    extent_t *first;
    uintptr_t addr;
} window_t;

/* The free, committed neighbour in the same region that starts (or ends) at addr; NULL if there is none. */
static extent_t *
starting(page_alloc_t *pa, uintptr_t addr) REQUIRES(role_extents) {
    extent_t *e = extents_member_starting(&pa->retained, addr);
    e = e != NULL ? e : extents_member_starting(&pa->dirty.extents, addr);
    e = e != NULL ? e : extents_member_starting(&pa->muzzy.extents, addr);
    return e != NULL && e->committed && !e->is_head ? e : NULL;
}

static extent_t *
ending(page_alloc_t *pa, uintptr_t addr) REQUIRES(role_extents) {
    extent_t *e = extents_member_ending(&pa->retained, addr);
    e = e != NULL ? e : extents_member_ending(&pa->dirty.extents, addr);
    e = e != NULL ? e : extents_member_ending(&pa->muzzy.extents, addr);
    return e != NULL && e->committed ? e : NULL;
}

/* Extends dirty e as far as needed, first to the right, then to the left. */
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

/* Tries dirty extents, from the page class of the wanted size downward. */
static window_t
find_window(page_alloc_t *pa, size_t size) REQUIRES(role_extents) {
    window_t window = {.first = NULL};
    size_t npages = size >> sc.config.lg_page;
    unsigned tries = TRIES;
    uint32_t last = sc_page_class_floor(npages < SHARE ? 1 : npages / SHARE);
    for (uint32_t i = sc_page_class_floor(npages) + 1; i-- > last;) {
        const heap_node_t *node = heap_first(&pa->dirty.extents.heaps[i]);
        for (; node != NULL && window.first == NULL && tries > 0; node = heap_next(node)) {
            window = window_around(pa, container_of(node, extent_t, fit), size);
            tries--;
        }
    }
    return window;
}

/* Takes the part of member e that is in [addr, addr + size), busy; the rest stays free. NULL: out of memory. */
static extent_t *
take_from(page_alloc_t *pa, extent_t *e, uintptr_t addr, size_t size) REQUIRES(role_extents) {
    extents_t *x = pa_extents(pa, extent_state(e));
    extents_remove(x, e);
    if (addr > e->addr) {
        extent_t *rest = pa_split_no_hook(pa, x, e, addr - e->addr);
        extents_insert(x, e);
        e = rest;
    }
    if (e != NULL && e->size > size) {
        extent_t *rest = pa_split_no_hook(pa, x, e, size);
        extents_insert(x, rest == NULL ? e : rest);
        e = rest == NULL ? NULL : e;
    }
    return e;
}

/* Takes the pieces of a window from left to right and joins them. If one cannot be taken, those before it become dirty.
 */
static extent_t *
take_window(page_alloc_t *pa, const window_t *window, size_t size) REQUIRES(role_extents) {
    extent_t *run = take_from(pa, window->first, window->addr, size);
    while (run != NULL && run->size < size) {
        uintptr_t end = extent_end(run);
        extent_t *next = take_from(pa, starting(pa, end), end, size - run->size);
        if (next == NULL) {
            extents_insert(&pa->dirty.extents, run);
            return NULL;
        }
        pa_join_no_hook(&pa->dirty.extents, run, next);
    }
    return run;
}

extent_t *
pa_coalesce_across(page_alloc_t *pa, size_t size) {
    witness_no_core_lock();
    if (pa_hooks(pa) != NULL || atomic_get(&pa->dirty.extents.npages) < (size >> sc.config.lg_page) / SHARE + 1) {
        return NULL;
    }
    pa_lock_layout(pa);
    window_t window = find_window(pa, size);
    extent_t *e = window.first == NULL ? NULL : take_window(pa, &window, size);
    pa_unlock_layout(pa);
    return e;
}

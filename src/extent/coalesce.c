/* coalesce.c -- cuts, joins and merges. Two edits of the layout are atomic under the lock: that of a descriptor's size,
 * together with that of its boundaries in the page map. */
#include "extent/coalesce.h"

#include "base/check.h"
#include "base/witness.h"
#include "extent/pagemap.h"

/* Enters both ends of e into the page map. */
static void
register_extent(extent_t *e) {
    pagemap_set_boundary(e->addr, e->size, e);
}

/* Calls the split hook, if the arena has one, without the lock. */
static bool
split_allowed(page_alloc_t *pa, extents_t *x, const extent_t *e, size_t size_a) REQUIRES(role_extents) {
    extent_hooks_t *hooks = pa_hooks(pa);
    if (LIKELY(hooks == NULL)) {
        return true;
    }
    extents_unlock(x);
    bool allowed = hook_split(hooks, (void *)e->addr, e->size, size_a, e->committed, pa->arena);
    extents_lock(x);
    return allowed;
}

/* Splits e: `rest` becomes the descriptor of what follows the first size_a bytes. */
static void
split_into(page_alloc_t *pa, extent_t *e, extent_t *rest, size_t size_a) REQUIRES(role_extents) {
    rest->addr = e->addr + size_a;
    rest->size = e->size - size_a;
    atomic_set(&rest->owner, extent_owner(pa->arena, extent_busy));
    rest->szind = SC_NONE;
    rest->slab = rest->is_head = rest->guarded = false;
    rest->committed = e->committed;
    rest->zeroed = e->zeroed;
    rest->sn = e->sn;
    rest->lru_stamp = 0;
    e->size = size_a;
    register_extent(e);
    register_extent(rest);
}

/* The descriptor is allocated first: a split that the hook agreed to must happen. */
extent_t *
pa_split(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) {
    extent_t *rest = extents_new_descriptor(x);
    if (rest == NULL) {
        return NULL;
    }
    if (!split_allowed(pa, x, e, size_a)) {
        extents_delete_descriptor(x, rest);
        return NULL;
    }
    split_into(pa, e, rest, size_a);
    return rest;
}

extent_t *
pa_split_no_hook(page_alloc_t *pa, extents_t *x, extent_t *e, size_t size_a) {
    extent_t *rest = extents_new_descriptor(x);
    if (rest != NULL) {
        split_into(pa, e, rest, size_a);
    }
    return rest;
}

/* Calls the merge hook, if the arena has one, without the lock. */
static bool
join_allowed(page_alloc_t *pa, extents_t *x, const extent_t *a, const extent_t *b) REQUIRES(role_extents) {
    extent_hooks_t *hooks = pa_hooks(pa);
    if (LIKELY(hooks == NULL)) {
        return true;
    }
    extents_unlock(x);
    bool allowed = hook_merge(hooks, (void *)a->addr, a->size, (void *)b->addr, b->size, a->committed, pa->arena);
    extents_lock(x);
    return allowed;
}

void
pa_join_no_hook(extents_t *x, extent_t *a, extent_t *b) {
    check(extent_end(a) == b->addr && !b->is_head && a->sn == b->sn);
    pagemap_set_boundary(a->addr, a->size, NULL);
    pagemap_set_boundary(b->addr, b->size, NULL);
    a->size += b->size;
    a->zeroed = a->zeroed && b->zeroed;
    register_extent(a);
    extents_delete_descriptor(x, b);
}

bool
pa_join(page_alloc_t *pa, extents_t *x, extent_t *a, extent_t *b) {
    bool allowed = join_allowed(pa, x, a, b);
    if (allowed) {
        pa_join_no_hook(x, a, b);
    }
    return allowed;
}

/* The member of x that e may merge with on its left, or on its right; NULL if there is none. A head never merges
 * leftward. */
static extent_t *
left_of(extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    extent_t *left = e->is_head ? NULL : extents_member_ending(x, e->addr);
    return left != NULL && left->committed == e->committed ? left : NULL;
}

static extent_t *
right_of(extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    extent_t *right = extents_member_starting(x, extent_end(e));
    return right != NULL && !right->is_head && right->committed == e->committed ? right : NULL;
}

/* Joins busy e with one neighbour; *e becomes the result. False if there is none, or if the merge hook refuses. */
static bool
merge_one(page_alloc_t *pa, extents_t *x, extent_t **e) REQUIRES(role_extents) {
    extent_t *left = left_of(x, *e);
    extent_t *neighbour = left != NULL ? left : right_of(x, *e);
    if (neighbour == NULL) {
        return false;
    }
    extents_remove(x, neighbour);
    extent_t *a = left != NULL ? left : *e;
    extent_t *b = left != NULL ? *e : neighbour;
    if (!pa_join(pa, x, a, b)) {
        extents_insert(x, neighbour);
        return false;
    }
    *e = a;
    return true;
}

/* e has no class from now on: a merge hook may run, without the lock, before e is a member. */
void
pa_insert(page_alloc_t *pa, extents_t *x, extent_t *e) {
    extent_set_busy(e);
    while (merge_one(pa, x, &e)) {
    }
    extents_insert(x, e);
}

void
pa_put(page_alloc_t *pa, extents_t *x, extent_t *e, bool committed, bool zeroed) {
    witness_no_core_lock();
    extents_lock(x);
    e->committed = committed;
    e->zeroed = zeroed;
    pa_insert(pa, x, e);
    extents_unlock(x);
}

/* First what precedes the part is cut off, then what follows it. Each rest is merged with its neighbours in x. */
extent_t *
pa_carve(page_alloc_t *pa, extents_t *x, extent_t *e, uintptr_t addr, size_t size) {
    if (addr > e->addr) {
        extent_t *rest = pa_split(pa, x, e, addr - e->addr);
        pa_insert(pa, x, e);
        e = rest;
    }
    if (e != NULL && e->size > size) {
        extent_t *rest = pa_split(pa, x, e, size);
        pa_insert(pa, x, rest == NULL ? e : rest);
        e = rest == NULL ? NULL : e;
    }
    return e;
}

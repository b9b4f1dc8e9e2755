/* extents.c -- heaps by page class, LRU, accounting. */
#include "extent/extents.h"

#include "base/check.h"
#include "extent/pagemap.h"
#include "os/pages.h"

/* Stamps count up from here at the end of the LRU list and down at its front. */
#define FIRST_STAMP (UINT64_C(1) << 62)

static bool
older_or_lower(const heap_node_t *a, const heap_node_t *b) {
    const extent_t *ea = container_of(a, extent_t, fit);
    const extent_t *eb = container_of(b, extent_t, fit);
    return ea->sn != eb->sn ? ea->sn < eb->sn : ea->addr < eb->addr;
}

void
extents_init(extents_t *x, uint32_t arena, extent_state_t state, lock_rank_t rank) {
    lock_init(&x->lock, rank);
    x->arena = arena;
    x->state = state;
    extents_lock(x);
    list_init(&x->lru);
    list_init(&x->partial);
    list_init(&x->spare);
    x->next_stamp = FIRST_STAMP;
    extents_unlock(x);
}

/* Everything but the place in the LRU list. */
static void
enter(extents_t *x, extent_t *e) REQUIRES(role_extents) {
    check(extent_state(e) == extent_busy && extent_arena(e) == x->arena);
    e->szind = SC_NONE;
    e->slab = false;
    uint32_t i = sc_page_class_floor(extent_npages(e));
    heap_insert(&x->heaps[i], &e->fit, older_or_lower);
    bitmap_add(x->nonempty, i);
    counter_add(&x->npages, extent_npages(e));
    counter_add(&x->count, 1);
    if (UNLIKELY(atomic_get(&x->unit) != 0)) {
        counter_add(&x->nwhole, extents_whole(x, e));
    }
    extent_set_state(e, x->state);
}

static list_t *
list_of(extents_t *x, const extent_t *e) REQUIRES(role_extents) {
    return LIKELY(extents_whole(x, e) > 0) ? &x->lru : &x->partial;
}

static extent_t *
first_on(const list_t *list) {
    return list_empty(list) ? NULL : container_of(list->next, extent_t, link);
}

void
extents_insert(extents_t *x, extent_t *e) {
    enter(x, e);
    e->lru_stamp = x->next_stamp++;
    list_push_back(list_of(x, e), &e->link);
}

void
extents_insert_oldest(extents_t *x, extent_t *e) {
    list_t *list = list_of(x, e);
    const extent_t *oldest = first_on(list);
    enter(x, e);
    e->lru_stamp = oldest == NULL ? x->next_stamp++ : oldest->lru_stamp - 1;
    list_push_front(list, &e->link);
}

void
extents_remove(extents_t *x, extent_t *e) {
    check(atomic_get(&e->owner) == extent_owner(x->arena, x->state));
    uint32_t i = sc_page_class_floor(extent_npages(e));
    heap_remove(&x->heaps[i], &e->fit, older_or_lower);
    if (heap_first(&x->heaps[i]) == NULL) {
        bitmap_del(x->nonempty, i);
    }
    list_remove(&e->link);
    e->lru_stamp = 0;
    counter_add(&x->npages, -extent_npages(e));
    counter_add(&x->count, (size_t)-1);
    if (UNLIKELY(atomic_get(&x->unit) != 0)) {
        counter_add(&x->nwhole, -extents_whole(x, e));
    }
    extent_set_state(e, extent_busy);
}

extent_t *
extents_fit(extents_t *x, size_t size, size_t alignment) {
    size_t worst = size + alignment - sc.page;
    if (worst < size) {
        return NULL;
    }
    uint32_t from = sc_page_class_ceil(worst >> sc.config.lg_page);
    uint32_t i = bitmap_next(x->nonempty, SC_NPAGE_CLASSES, from);
    return i == SC_NPAGE_CLASSES ? NULL : container_of(heap_first(&x->heaps[i]), extent_t, fit);
}

extent_t *
extents_oldest(extents_t *x) {
    return first_on(&x->lru);
}

extent_t *
extents_oldest_partial(extents_t *x) {
    return first_on(&x->partial);
}

/* The oldest member of all leaves. NULL if there is none. */
static extent_t *
pop_oldest(extents_t *x) REQUIRES(role_extents) {
    extent_t *a = extents_oldest(x);
    extent_t *b = extents_oldest_partial(x);
    extent_t *e = a == NULL || (b != NULL && b->lru_stamp < a->lru_stamp) ? b : a;
    if (e != NULL) {
        extents_remove(x, e);
    }
    return e;
}

void
extents_set_unit(extents_t *x, size_t unit) {
    list_t members;
    list_init(&members);
    for (extent_t *e; (e = pop_oldest(x)) != NULL;) {
        list_push_back(&members, &e->link);
    }
    atomic_set(&x->unit, unit);
    while (!list_empty(&members)) {
        extent_t *e = first_on(&members);
        list_remove(&e->link);
        extents_insert(x, e);
    }
}

/* With the lock held, owner = (arena, state) proves membership, and membership makes addr and size stable. */
static extent_t *
member(const extents_t *x, uintptr_t addr) {
    extent_t *e = pagemap_extent(addr);
    return e != NULL && atomic_get(&e->owner) == extent_owner(x->arena, x->state) ? e : NULL;
}

extent_t *
extents_member_ending(extents_t *x, uintptr_t addr) {
    extent_t *e = member(x, addr - ((uintptr_t)1 << LG_GRANULE));
    return e != NULL && extent_end(e) == addr ? e : NULL;
}

extent_t *
extents_member_starting(extents_t *x, uintptr_t addr) {
    extent_t *e = member(x, addr);
    return e != NULL && e->addr == addr ? e : NULL;
}

static extent_t *
pop_spare(extents_t *x) REQUIRES(role_extents) {
    extent_t *e = container_of(x->spare.next, extent_t, link);
    list_remove(&e->link);
    x->nspare--;
    return e;
}

extent_t *
extents_new_descriptor(extents_t *x) {
    if (UNLIKELY(x->nspare == 0)) {
        return extent_new();
    }
    return fault(fault_metadata) ? NULL : pop_spare(x);
}

void
extents_delete_descriptor(extents_t *x, extent_t *e) {
    if (UNLIKELY(x->nspare == EXTENTS_SPARE)) {
        extent_delete(e);
        return;
    }
    atomic_set(&e->owner, extent_owner(0, extent_busy));
    list_push_front(&x->spare, &e->link);
    x->nspare++;
}

void
extents_drop_spare(extents_t *x) {
    extents_lock(x);
    while (x->nspare > 0) {
        extent_delete(pop_spare(x));
    }
    extents_unlock(x);
}

void
extents_of_class(extents_t *x, uint32_t class, size_t *count, size_t *npages) {
    *count = *npages = 0;
    for (const heap_node_t *node = heap_first(&x->heaps[class]); node != NULL; node = heap_next(node)) {
        ++*count;
        *npages += extent_npages(container_of(node, extent_t, fit));
    }
}

/* The mixing keeps sums of different places apart: x -> x * odd ^ high half of it. */
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

static size_t
check_list(extents_t *x, const list_t *list, extents_tally_t *tally) REQUIRES(role_extents) {
    size_t nwhole = 0;
    uint64_t stamp = 0;
    for (const list_t *at = list->next; at != list; at = at->next) {
        const extent_t *e = container_of(at, extent_t, link);
        check(at->next->prev == at && at->prev->next == at);
        check(e->lru_stamp > stamp && e->lru_stamp < x->next_stamp);
        check_member(x, e);
        check(list_of(x, e) == list);
        nwhole += extents_whole(x, e);
        stamp = e->lru_stamp;
        extents_count(tally, e);
    }
    return nwhole;
}

/* Each link is mutual, and no child belongs before its parent. */
static void
check_node(const heap_t *heap, const heap_node_t *node) REQUIRES(role_extents) {
    check(node->prev == NULL ? node == heap_first(heap) : node->prev->child == node || node->prev->next == node);
    for (const heap_node_t *child = node->child; child != NULL; child = child->next) {
        check(!older_or_lower(child, node));
        check(child->next == NULL || child->next->prev == child);
    }
}

static void
check_heap(extents_t *x, uint32_t class, extents_tally_t *tally) REQUIRES(role_extents) {
    const heap_t *heap = &x->heaps[class];
    check(bitmap_has(x->nonempty, class) == (heap_first(heap) != NULL));
    for (const heap_node_t *node = heap_first(heap); node != NULL; node = heap_next(node)) {
        const extent_t *e = container_of(node, extent_t, fit);
        check_node(heap, node);
        check_member(x, e);
        check(sc_page_class_floor(extent_npages(e)) == class);
        extents_count(tally, e);
    }
}

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

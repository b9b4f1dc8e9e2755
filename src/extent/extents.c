/* extents.c -- heaps by page class, LRU lists, counters; the supply of descriptors. */
#include "extent/extents.h"

#include "base/check.h"
#include "base/options.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/pages.h"

/* Stamps count up from here at the end of the LRU list and down at its front. */
#define FIRST_STAMP (UINT64_C(1) << 62)
/* Descriptors are made in batches of so many bytes. */
#define BATCH_BYTES 4096

/* ---- members ----------------------------------------------------------------------------------------------------- */

/* The order of a heap: the oldest region first, then the lowest address. So allocations gather in old regions, and
 * young ones become free as a whole. */
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

/* One member of the class came or went: its pages, and 1, are added or, negated, taken off. */
static void
count_in_class(extents_t *x, uint32_t class, size_t npages, uint32_t one) REQUIRES(role_extents) {
    if (LIKELY(class < EXTENTS_COUNTED)) {
        x->class_npages[class] += npages;
        x->class_count[class] += one;
    }
}

/* All but the place in the LRU order. */
static void
extents_enter(extents_t *x, extent_t *e) REQUIRES(role_extents) {
    check(extent_state(e) == extent_busy && extent_arena(e) == x->arena);
    e->szind = SC_NONE;
    e->slab = false;
    size_t npages = extent_npages(e);
    uint32_t i = sc_page_class_floor(npages);
    bitmap_add(x->nonempty, i);
    count_in_class(x, i, npages, 1);
    counter_add(&x->npages, npages);
    counter_add(&x->count, 1);
    if (UNLIKELY(atomic_get(&x->hugepage) != 0)) {
        counter_add(&x->nwhole, extents_whole(x, e));
    }
    extent_set_state(e, x->state);
    heap_insert(&x->heaps[i], &e->fit, older_or_lower);
}

/* The list for e: only members with purgeable pages are in the LRU list itself. */
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
    extents_enter(x, e);
    e->lru_stamp = x->next_stamp++;
    list_push_back(list_of(x, e), &e->link);
}

/* Its stamp is just below that of the oldest member, so that stamps rise along the list. */
void
extents_insert_oldest(extents_t *x, extent_t *e) {
    list_t *list = list_of(x, e);
    const extent_t *oldest = first_on(list);
    extents_enter(x, e);
    e->lru_stamp = oldest == NULL ? x->next_stamp++ : oldest->lru_stamp - 1;
    list_push_front(list, &e->link);
}

void
extents_remove(extents_t *x, extent_t *e) {
    check(atomic_get(&e->owner) == extent_owner(x->arena, x->state));
    size_t npages = extent_npages(e);
    uint32_t i = sc_page_class_floor(npages);
    count_in_class(x, i, -npages, (uint32_t)-1);
    counter_add(&x->npages, -npages);
    counter_add(&x->count, (size_t)-1);
    heap_remove(&x->heaps[i], &e->fit, older_or_lower);
    if (heap_first(&x->heaps[i]) == NULL) {
        bitmap_del(x->nonempty, i);
    }
    list_remove(&e->link);
    e->lru_stamp = 0;
    if (UNLIKELY(atomic_get(&x->hugepage) != 0)) {
        counter_add(&x->nwhole, -extents_whole(x, e));
    }
    extent_set_state(e, extent_busy);
}

/* A class that holds the size at any address of its extents is searched: each member of it fits, and of those the first
 * one in the heap is taken. */
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

/* Cutting a small allocation out of a large dirty extent would leave none for large allocations. */
extent_t *
extents_fit_active(extents_t *x, size_t size, size_t alignment) {
    extent_t *e = extents_fit(x, size, alignment);
    bool cuts = e == NULL || e->size >> options.lg_extent_max_active_fit <= size || x->state != extent_dirty;
    return LIKELY(cuts) ? e : NULL;
}

extent_t *
extents_oldest(extents_t *x) {
    return first_on(&x->lru);
}

extent_t *
extents_oldest_partial(extents_t *x) {
    return first_on(&x->partial);
}

/* Removes the oldest member of both lists. NULL if there is none. */
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
extents_set_hugepage(extents_t *x, size_t hugepage) {
    list_t members;
    list_init(&members);
    for (extent_t *e; (e = pop_oldest(x)) != NULL;) {
        list_push_back(&members, &e->link);
    }
    atomic_set(&x->hugepage, hugepage);
    while (!list_empty(&members)) {
        extent_t *e = first_on(&members);
        list_remove(&e->link);
        extents_insert(x, e);
    }
}

/* With the lock held, owner = (arena, state) proves membership, and the addr and size of a member do not change. */
static extent_t *
member_at(const extents_t *x, uintptr_t addr) {
    extent_t *e = pagemap_extent(addr);
    return e != NULL && atomic_get(&e->owner) == extent_owner(x->arena, x->state) ? e : NULL;
}

extent_t *
extents_member_ending(extents_t *x, uintptr_t addr) {
    extent_t *e = member_at(x, addr - ((uintptr_t)1 << LG_GRANULE));
    return e != NULL && extent_end(e) == addr ? e : NULL;
}

extent_t *
extents_member_starting(extents_t *x, uintptr_t addr) {
    extent_t *e = member_at(x, addr);
    return e != NULL && e->addr == addr ? e : NULL;
}

void
extents_of_class(extents_t *x, uint32_t class, size_t *count, size_t *npages) {
    if (LIKELY(class < EXTENTS_COUNTED)) {
        *count = x->class_count[class];
        *npages = x->class_npages[class];
        return;
    }
    *count = *npages = 0;
    for (const heap_node_t *node = heap_first(&x->heaps[class]); node != NULL; node = heap_next(node)) {
        ++*count;
        *npages += extent_npages(container_of(node, extent_t, fit));
    }
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/* The supply of all arenas: one list. A descriptor's memory is never used for anything else, so a stale pointer still
 * points to a descriptor. */
/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_descriptors = LOCK_INITIALIZER(RANK_DESCRIPTORS);
static list_t spare GUARDED_BY(role_descriptors) = {&spare, &spare};

static void
descriptors_lock(void) ACQUIRE(role_descriptors) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_descriptors);
}

static void
descriptors_unlock(void) RELEASE(role_descriptors) NO_THREAD_SAFETY {
    lock_release(&lock_of_descriptors);
}

/* With a bitmap for the slab that has the most regions. */
static size_t
descriptor_size(void) {
    size_t bitmap = (size_t)((sc.max_regs + 63) / 64) * sizeof(uint64_t);
    return align_up(sizeof(extent_t) + bitmap, CACHELINE);
}

/* Makes a batch of descriptors, and puts the lowest address in front. */
static bool
descriptors_refill(void) REQUIRES(role_descriptors) {
    size_t each = descriptor_size();
    size_t n = config_torture ? 1 : BATCH_BYTES / each;
    char *batch = metadata_alloc(n * each, CACHELINE);
    for (size_t i = 0; batch != NULL && i < n; i++) {
        extent_t *e = (extent_t *)(void *)(batch + i * each);
        list_push_back(&spare, &e->link);
    }
    return batch != NULL;
}

extent_t *
extent_new(void) {
    if (fault(fault_metadata)) {
        return NULL;
    }
    extent_t *e = NULL;
    descriptors_lock();
    if (!list_empty(&spare) || descriptors_refill()) {
        e = container_of(spare.next, extent_t, link);
        list_remove(&e->link);
    }
    descriptors_unlock();
    return e;
}

void
extent_delete(extent_t *e) {
    descriptors_lock();
    atomic_set(&e->owner, extent_owner(0, extent_busy));
    list_push_front(&spare, &e->link);
    descriptors_unlock();
}

lock_t *
extent_mutex(void) {
    return &lock_of_descriptors;
}

void
extent_prefork(void) {
    lock_prefork(&lock_of_descriptors);
}

void
extent_postfork(bool child) {
    lock_postfork(&lock_of_descriptors, child);
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

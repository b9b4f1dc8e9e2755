/*
 * extents_test.c -- a collection against a plain array: best fit, order of age, accounting, neighbours. The extents'
 * addresses are made up.
 */
#include "../base/testing.h"

#include "extent/extents.h"
#include "extent/page_check.h"
#include "extent/pagemap.h"

#define ARENA      4001
#define ITEMS      100
#define OPERATIONS 20000
#define ITEM_SPAN  ((uintptr_t)1 << 24)
#define BASE       ((uintptr_t)400 << LG_LEAF_SPAN)

static extents_t x;

typedef struct {
    extent_t *e;
    bool member;
    int64_t entered; /* rises at the end, falls at the front of the order of age */
} item_t;

typedef struct {
    item_t items[ITEMS];
    int64_t last, first;
    uint64_t seed;
} model_t;

static extent_t *
new_extent(uintptr_t addr, size_t npages, uint64_t sn) {
    extent_t *e = extent_new();
    assert_non_null(e);
    e->addr = addr;
    e->size = npages * sc.page;
    e->sn = sn;
    e->szind = 3;
    e->slab = true;
    e->committed = true;
    e->is_head = e->zeroed = false;
    atomic_set(&e->owner, extent_owner(ARENA, extent_busy));
    assert_true(pagemap_ensure(addr, e->size));
    pagemap_set_boundary(addr, e->size, e);
    return e;
}

static void
drop_extent(extent_t *e) {
    pagemap_set_boundary(e->addr, e->size, NULL);
    extent_delete(e);
}

static void
begin(void) {
    memset(&x, 0, sizeof x);
    extents_init(&x, ARENA, extent_muzzy, RANK_MUZZY);
}

/* ---- one call each, with the lock ---- */

static void
insert(extent_t *e) {
    extents_lock(&x);
    extents_insert(&x, e);
    extents_unlock(&x);
}

static void
insert_oldest(extent_t *e) {
    extents_lock(&x);
    extents_insert_oldest(&x, e);
    extents_unlock(&x);
}

static void
take(extent_t *e) {
    extents_lock(&x);
    extents_remove(&x, e);
    extents_unlock(&x);
}

static extent_t *
fit(size_t npages, size_t alignment) {
    extents_lock(&x);
    extent_t *e = extents_fit(&x, npages * sc.page, alignment);
    extents_unlock(&x);
    return e;
}

static extent_t *
oldest(void) {
    extents_lock(&x);
    extent_t *e = extents_oldest(&x);
    extents_unlock(&x);
    return e;
}

static extent_t *
starting(uintptr_t addr) {
    extents_lock(&x);
    extent_t *e = extents_member_starting(&x, addr);
    extents_unlock(&x);
    return e;
}

static extent_t *
ending(uintptr_t addr) {
    extents_lock(&x);
    extent_t *e = extents_member_ending(&x, addr);
    extents_unlock(&x);
    return e;
}

static void
of_class(uint32_t class, size_t *count, size_t *npages) {
    extents_lock(&x);
    extents_of_class(&x, class, count, npages);
    extents_unlock(&x);
}

/* ---- the model ---- */

static bool
older_or_lower(const extent_t *a, const extent_t *b) {
    return a->sn != b->sn ? a->sn < b->sn : a->addr < b->addr;
}

/* Better: of a smaller page class, then older, then lower. */
static bool
better(const extent_t *a, const extent_t *b) {
    uint32_t class_a = sc_page_class_floor(extent_npages(a)), class_b = sc_page_class_floor(extent_npages(b));
    return class_a != class_b ? class_a < class_b : older_or_lower(a, b);
}

/* Among members whose whole page class is large enough wherever the aligned place is. */
static const extent_t *
model_fit(const model_t *model, size_t npages, size_t alignment) {
    uint32_t class = sc_page_class_ceil(npages + alignment / sc.page - 1);
    const extent_t *best = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        const extent_t *e = model->items[i].e;
        bool fits = model->items[i].member && sc_page_class_floor(extent_npages(e)) >= class;
        if (fits && (best == NULL || better(e, best))) {
            best = e;
        }
    }
    return best;
}

static const extent_t *
model_oldest(const model_t *model) {
    const item_t *best = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        const item_t *item = &model->items[i];
        if (item->member && (best == NULL || item->entered < best->entered)) {
            best = item;
        }
    }
    return best == NULL ? NULL : best->e;
}

/* By page class. */
static void
assert_class(const model_t *model, uint32_t class) {
    size_t npages = 0, count = 0, has_pages, has;
    for (unsigned i = 0; i < ITEMS; i++) {
        const item_t *item = &model->items[i];
        bool counts = item->member && sc_page_class_floor(extent_npages(item->e)) == class;
        npages += counts ? extent_npages(item->e) : 0;
        count += counts;
    }
    of_class(class, &has, &has_pages);
    assert_int_equal(has, count);
    assert_int_equal(has_pages, npages);
}

static void
assert_accounts(const model_t *model) {
    size_t npages = 0, count = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        npages += model->items[i].member ? extent_npages(model->items[i].e) : 0;
        count += model->items[i].member;
    }
    assert_int_equal(atomic_get(&x.npages), npages);
    assert_int_equal(atomic_get(&x.count), count);
}

static void
enter(model_t *model, item_t *item) {
    bool last = random_below(&model->seed, 4) != 0;
    (last ? insert : insert_oldest)(item->e);
    item->entered = last ? ++model->last : --model->first;
    item->member = true;
    assert_class(model, sc_page_class_floor(extent_npages(item->e)));
    assert_int_equal(extent_state(item->e), extent_muzzy);
    assert_true(item->e->szind == SC_NONE && !item->e->slab);
}

static void
leave(const model_t *model, item_t *item) {
    take(item->e);
    item->member = false;
    assert_class(model, sc_page_class_floor(extent_npages(item->e)));
    assert_int_equal(extent_state(item->e), extent_busy);
    assert_int_equal(extent_arena(item->e), ARENA);
}

/* The checker, where it is there; it meets the members that the accounts say. */
static void
check_members(void) {
    extents_lock(&x);
    extents_tally_t members = extents_check(&x);
    assert_int_equal(members.count, atomic_get(&x.count));
    assert_int_equal(members.npages, atomic_get(&x.npages));
    extents_unlock(&x);
}

static void
query(model_t *model) {
    size_t npages = 1 + random_below(&model->seed, random_below(&model->seed, 2) == 0 ? 20 : 1200);
    size_t alignment = sc.page << (random_below(&model->seed, 3) == 0 ? random_below(&model->seed, 8) : 0);
    extent_t *e = fit(npages, alignment);
    assert_ptr_equal(e, model_fit(model, npages, alignment));
    if (e != NULL) {
        assert_true(align_up(e->addr, alignment) + npages * sc.page <= extent_end(e));
    }
    assert_ptr_equal(oldest(), model_oldest(model));
    assert_accounts(model);
}

static void
make_items(model_t *model) {
    for (unsigned i = 0; i < ITEMS; i++) {
        size_t npages = 1 + random_below(&model->seed, i % 2 == 0 ? 20 : 1000);
        uintptr_t addr = BASE + i * ITEM_SPAN + random_below(&model->seed, 16) * sc.page;
        model->items[i].e = new_extent(addr, npages, random_below(&model->seed, 5));
    }
}

static void
test_extents_t_best_fit_lru_and_page_accounting_against_model(void **state) {
    (void)state;
    static model_t model;
    model.seed = 1;
    begin();
    make_items(&model);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        item_t *item = &model.items[random_below(&model.seed, ITEMS)];
        item->member ? leave(&model, item) : enter(&model, item);
        query(&model);
        if (i % 50 == 0) {
            check_members();
        }
    }
    for (unsigned i = 0; i < ITEMS; i++) {
        if (model.items[i].member) {
            leave(&model, &model.items[i]);
        }
        drop_extent(model.items[i].e);
    }
    check_members();
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        assert_class(&model, i);
    }
    assert_null(oldest());
    assert_null(fit(1, sc.page));
}

/* ---- particular cases ---- */

/* Members of the last class that has counters, and of the next two, which have none. */
static void
test_counts_of_large_classes(void **state) {
    (void)state;
    const uint32_t classes[] = {EXTENTS_COUNTED - 1, EXTENTS_COUNTED, EXTENTS_COUNTED + 1};
    extent_t *e[LENGTH(classes)];
    size_t count, npages, all[LENGTH(classes)];
    begin();
    for (unsigned i = 0; i < LENGTH(classes); i++) {
        all[i] = sc_page_class_npages(classes[i]) + 1;
        e[i] = new_extent(BASE + i * ((uintptr_t)1 << 32), all[i], 1);
        insert(e[i]);
    }
    for (unsigned i = 0; i < LENGTH(classes); i++) {
        of_class(classes[i], &count, &npages);
        assert_int_equal(count, 1);
        assert_int_equal(npages, all[i]);
        take(e[i]);
        of_class(classes[i], &count, &npages);
        assert_true(count == 0 && npages == 0);
        drop_extent(e[i]);
    }
    check_members();
}

static void
test_empty(void **state) {
    (void)state;
    begin();
    assert_null(oldest());
    assert_null(fit(1, sc.page));
    assert_int_equal(atomic_get(&x.npages), 0);
    assert_int_equal(atomic_get(&x.count), 0);
    check_members();
}

static void
test_best_fit_equals_lowest_first(void **state) {
    (void)state;
    extent_t *e[4];
    static const uint64_t sns[] = {2, 1, 1, 2};
    static const unsigned places[] = {0, 3, 1, 2};
    static const unsigned order[] = {2, 1, 0, 3};
    begin();
    for (unsigned i = 0; i < 4; i++) {
        e[i] = new_extent(BASE + places[i] * ITEM_SPAN, 8, sns[i]);
        insert(e[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(fit(8, sc.page), e[order[i]]);
        take(e[order[i]]);
    }
    for (unsigned i = 0; i < 4; i++) {
        drop_extent(e[i]);
    }
}

/* Only just large enough is large enough. */
static void
check_exact(size_t npages) {
    begin();
    extent_t *e = new_extent(BASE, npages, 1);
    insert(e);
    if (fit(npages, sc.page) != e) {
        fail_msg("an extent of %zu pages is not found by a search for %zu pages", npages, npages);
    }
    assert_null(fit(npages + 1, sc.page));
    take(e);
    drop_extent(e);
}

/* Every size of a slab, and of a large class. */
static void
test_best_fit_is_exact(void **state) {
    (void)state;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_exact(atomic_get(&sc.slab_size[i]) / sc.page);
    }
    for (uint32_t i = sc.nsmall; sc_size(i) <= (size_t)1 << 29; i++) {
        check_exact(sc_size(i) / sc.page);
    }
}

static void
test_too_large(void **state) {
    (void)state;
    begin();
    extent_t *e = new_extent(BASE, 1000, 1);
    insert(e);
    extents_lock(&x);
    assert_null(extents_fit(&x, SIZE_MAX - sc.page + 1, 2 * sc.page));
    assert_null(extents_fit(&x, (size_t)1 << 46, (size_t)1 << 46));
    assert_null(extents_fit(&x, sc.page, (size_t)1 << 63));
    extents_unlock(&x);
    take(e);
    drop_extent(e);
}

/* Neighbours are found by their ends, if they are members of this very collection. */
static void
test_neighbours(void **state) {
    (void)state;
    begin();
    extent_t *left = new_extent(BASE, 4, 1), *right = new_extent(BASE + 4 * sc.page, 3, 1);
    insert(left);
    insert(right);
    uintptr_t middle = BASE + 4 * sc.page;
    assert_ptr_equal(ending(middle), left);
    assert_ptr_equal(starting(middle), right);
    assert_ptr_equal(starting(BASE), left);
    assert_ptr_equal(ending(extent_end(right)), right);
    assert_null(ending(BASE));
    assert_null(starting(extent_end(right)));
    assert_null(starting(BASE + 3 * sc.page));
    assert_null(ending(BASE + sc.page));
    take(left);
    assert_null(ending(middle));
    atomic_set(&left->owner, extent_owner(ARENA + 1, extent_muzzy));
    assert_null(ending(middle));
    atomic_set(&left->owner, extent_owner(ARENA, extent_dirty));
    assert_null(ending(middle));
    take(right);
    assert_null(starting(middle));
    drop_extent(left);
    drop_extent(right);
}

/* ---- the checker finds what is wrong ---- */

static int
check_collection(void *argument) {
    (void)argument;
    check_members();
    return 0;
}

static int
miscount(void *argument) {
    counter_add(&x.npages, 1);
    return check_collection(argument);
}

static int
miscount_spare(void *e) NO_THREAD_SAFETY {
    x.nspare++;
    return check_collection(e);
}

static int
lose_bit(void *e) {
    extents_lock(&x);
    bitmap_del(x.nonempty, sc_page_class_floor(extent_npages(e)));
    extents_unlock(&x);
    return check_collection(e);
}

static int
steal_state(void *e) {
    extent_set_state(e, extent_active);
    return check_collection(e);
}

static int
spoil_stamp(void *e) NO_THREAD_SAFETY {
    ((extent_t *)e)->lru_stamp = 0;
    return check_collection(e);
}

static int
unregister(void *e) {
    pagemap_set_boundary(((extent_t *)e)->addr, ((extent_t *)e)->size, NULL);
    return check_collection(e);
}

static int
leave_class(void *e) {
    pagemap_set_class(((extent_t *)e)->addr, 5);
    return check_collection(e);
}

static int
remove_twice(void *e) {
    take(e);
    take(e);
    return 0;
}

static int
insert_active(void *e) {
    take(e);
    extent_set_state(e, extent_active);
    insert(e);
    return 0;
}

static void
test_extents_t_checker_finds_damage(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    static int (*const damages[])(void *) = {miscount,    lose_bit,     steal_state,   spoil_stamp,   unregister,
                                             leave_class, remove_twice, insert_active, miscount_spare};
    begin();
    extent_t *e = new_extent(BASE, 12, 1);
    insert(e);
    assert_child_succeeds(check_collection, e);
    for (unsigned i = 0; i < LENGTH(damages); i++) {
        assert_aborts(damages[i], e, "lunalloc: broken invariant: ");
    }
    take(e);
    drop_extent(e);
}

/* ---- spare descriptors ---- */

/* Descriptors that come back are kept, no more than the limit, and go out again, the last one first; so that the
 * common supply is not used. */
static void
test_spare_descriptors(void **state) {
    (void)state;
    extent_t *all[EXTENTS_SPARE + 1];
    begin();
    extents_lock(&x);
    for (uint32_t i = 0; i < LENGTH(all); i++) {
        all[i] = extents_new_descriptor(&x);
        assert_non_null(all[i]);
        assert_int_equal(x.nspare, 0);
    }
    for (uint32_t i = 0; i < LENGTH(all); i++) {
        extents_delete_descriptor(&x, all[i]);
        assert_int_equal(x.nspare, i < EXTENTS_SPARE ? i + 1 : EXTENTS_SPARE);
    }
    assert_ptr_equal(extents_new_descriptor(&x), all[EXTENTS_SPARE - 1]);
    assert_int_equal(x.nspare, EXTENTS_SPARE - 1);
    extents_delete_descriptor(&x, all[EXTENTS_SPARE - 1]);
    extents_unlock(&x);
    extents_drop_spare(&x);
    assert_int_equal(x.nspare, 0);
}

/* Members with and without whole huge pages are on two lists; when the hugepage size changes, both keep the order of
 * age. */
static void
test_unit_keeps_the_order_of_age(void **state) {
    (void)state;
    const size_t npages[] = {1, 8, 1, 8, 8, 1};
    extent_t *e[LENGTH(npages)];
    begin();
    extents_lock(&x);
    extents_set_hugepage(&x, 4 * sc.page);
    for (unsigned i = 0; i < LENGTH(npages); i++) {
        e[i] = new_extent(BASE + i * ITEM_SPAN, npages[i], i);
        extents_insert(&x, e[i]);
    }
    assert_ptr_equal(extents_oldest(&x), e[1]);
    assert_ptr_equal(extents_oldest_partial(&x), e[0]);
    extents_set_hugepage(&x, 0);
    for (unsigned i = 0; i < LENGTH(npages); i++) {
        assert_ptr_equal(extents_oldest(&x), e[i]);
        extents_remove(&x, e[i]);
        drop_extent(e[i]);
    }
    assert_null(extents_oldest(&x));
    extents_unlock(&x);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_extents_t_best_fit_lru_and_page_accounting_against_model),
        cmocka_unit_test(test_counts_of_large_classes),
        cmocka_unit_test(test_best_fit_equals_lowest_first),
        cmocka_unit_test(test_best_fit_is_exact),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_extents_t_checker_finds_damage),
        cmocka_unit_test(test_spare_descriptors),
        cmocka_unit_test(test_unit_keeps_the_order_of_age),
    };
    return cmocka_run_group_tests_name("extent/extents", tests, boot_allocator, NULL);
}

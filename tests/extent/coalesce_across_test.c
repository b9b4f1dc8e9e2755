/*
 * coalesce_across_test.c -- allocations that take dirty pages together with the free pages beside them. Sizes in pages.
 * That random operations keep the structure sound is page_alloc_test.c's.
 */
#include "pages.h"

#include "os/pages.h"
#include "extent/coalesce.h"

static page_alloc_t pa;

/* Neighbours, in address order, that fill a region. */
typedef struct {
    extent_t *left, *middle, *right;
    uintptr_t base;
} row_t;

enum {
    PIECE = 64
};

/* One piece, one that is dirty in the end, and two that are one; the outer ones live or retained. */
static row_t
make_row(bool left_retained, bool right_retained) {
    pages_begin(&pa, -1, 0);
    extent_t *all = alloc_unmoved(&pa, 4 * PIECE);
    assert_non_null(all);
    uintptr_t base = all->addr;
    pa_dalloc(&pa, all);
    row_t row = {.left = alloc_unmoved(&pa, PIECE), .base = base};
    row.middle = alloc_unmoved(&pa, PIECE);
    row.right = alloc_unmoved(&pa, 2 * PIECE);
    assert_true(row.left->addr == base && row.middle->addr == base + PIECE * sc.page);
    if (left_retained) {
        pa_dalloc(&pa, row.left);
    }
    if (right_retained) {
        pa_dalloc(&pa, row.right);
    }
    pa_purge_all(&pa);
    pa_dalloc(&pa, row.middle);
    return row;
}

static size_t
dirty_pages(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static void
end_with(extent_t *a, extent_t *b) {
    pa_dalloc(&pa, a);
    if (b != NULL) {
        pa_dalloc(&pa, b);
    }
    pa_purge_all(&pa);
    pages_end(&pa);
}

/* Where retained pages are not committed, there is no cross-state coalescing. */
static void
need_committed(void) {
    row_t row = make_row(true, false);
    bool committed = extent_at(row.base)->committed;
    end_with(row.right, NULL);
    if (!committed) {
        print_message("skip: free pages are decommitted here\n");
        skip();
    }
}

static uintptr_t
place(const row_t *row, unsigned npages) {
    return row->base + npages * sc.page;
}

static void
test_with_what_follows(void **state) {
    (void)state;
    need_committed();
    row_t row = make_row(false, true);
    extent_t *e = alloc_unmoved(&pa, 2 * PIECE);
    assert_int_equal(e->addr, place(&row, PIECE));
    assert_int_equal(dirty_pages(), 0);
    check_pages(&pa, 3 * PIECE * sc.page);
    end_with(e, row.left);
}

static void
test_with_what_precedes(void **state) {
    (void)state;
    need_committed();
    row_t row = make_row(true, false);
    extent_t *e = alloc_unmoved(&pa, PIECE + PIECE / 2);
    assert_int_equal(e->addr, place(&row, PIECE / 2));
    assert_int_equal(dirty_pages(), 0);
    check_pages(&pa, (3 * PIECE + PIECE / 2) * sc.page);
    end_with(e, row.right);
}

static void
test_with_both(void **state) {
    (void)state;
    need_committed();
    row_t row = make_row(true, true);
    extent_t *e = alloc_unmoved(&pa, 4 * PIECE - PIECE / 2);
    assert_int_equal(e->addr, place(&row, PIECE / 2));
    assert_int_equal(dirty_pages(), 0);
    check_pages(&pa, e->size);
    end_with(e, NULL);
}

static void
test_is_not_zeroed(void **state) {
    (void)state;
    need_committed();
    row_t row = make_row(false, true);
    bool zeroed = true;
    memset((void *)row.middle->addr, 0xa5, sc.page);
    extent_t *e = alloc_extent(&pa, 2 * PIECE * sc.page, sc.page, sc_index(2 * PIECE * sc.page), false, &zeroed);
    assert_int_equal(e->addr, place(&row, PIECE));
    assert_false(zeroed);
    end_with(e, row.left);
}

/* Less than a quarter of it is resident: not worth cutting up what is free. */
static void
test_small_shares_are_left_alone(void **state) {
    (void)state;
    row_t row = make_row(false, true);
    extent_t *dirty = alloc_unmoved(&pa, PIECE - PIECE / 4);
    assert_int_equal(dirty_pages(), PIECE / 4);
    extent_t *e = alloc_unmoved(&pa, PIECE + PIECE / 2);
    assert_int_equal(dirty_pages(), PIECE / 4);
    pa_dalloc(&pa, dirty);
    end_with(e, row.left);
}

/* Live pages on both sides. */
static void
test_no_place(void **state) {
    (void)state;
    row_t row = make_row(false, false);
    extent_t *e = alloc_unmoved(&pa, PIECE + 1);
    assert_int_equal(dirty_pages(), PIECE);
    pa_dalloc(&pa, row.left);
    end_with(e, row.right);
}

static bool
no_metadata(fault_kind_t kind) {
    return kind == fault_metadata;
}

/* A cut that cannot be made: nothing is lost, and nothing is half taken. */
static void
test_without_descriptors(void **state) {
    (void)state;
    row_t row = make_row(true, false);
    atomic_set(&fault_slot, no_metadata);
    extent_t *e = alloc_unmoved(&pa, PIECE + 4);
    atomic_set(&fault_slot, NULL);
    assert_null(e);
    check_pages(&pa, 2 * PIECE * sc.page);
    end_with(row.right, NULL);
}

static bool
refuse_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
             unsigned arena) {
    (void)hooks;
    (void)addr;
    (void)size;
    (void)size_a;
    (void)size_b;
    (void)committed;
    (void)arena;
    abort();
}

static bool
refuse_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, unsigned arena) {
    return refuse_split(hooks, a, size_a, size_b, (size_t)b, committed, arena);
}

static extent_hooks_t late_hooks = {.split = refuse_split, .merge = refuse_merge};

static bool
set_hooks(fault_kind_t kind) {
    (void)kind;
    atomic_set_release(&pa.hooks, &late_hooks);
    return false;
}

/* Hooks that are set while the layout is locked are not called: locks would be held. */
static void
test_hooks_that_come_meanwhile(void **state) {
    (void)state;
    need_committed();
    row_t row = make_row(true, false);
    atomic_set(&fault_slot, set_hooks);
    extent_t *e = pa_coalesce_across(&pa, (PIECE + 4) * sc.page);
    atomic_set(&fault_slot, NULL);
    assert_ptr_equal(pa_hooks(&pa), &late_hooks);
    atomic_set_release(&pa.hooks, NULL);
    assert_non_null(e);
    assert_int_equal(e->addr, place(&row, PIECE - 4));
    assert_int_equal(e->size, (PIECE + 4) * sc.page);
    end_with(e, row.right);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_what_follows),
        cmocka_unit_test(test_with_what_precedes),
        cmocka_unit_test(test_with_both),
        cmocka_unit_test(test_is_not_zeroed),
        cmocka_unit_test(test_small_shares_are_left_alone),
        cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_without_descriptors),
        cmocka_unit_test(test_hooks_that_come_meanwhile),
    };
    return cmocka_run_group_tests_name("extent/coalesce_across", tests, boot_allocator, NULL);
}

/*
 * pagemap_test.c -- what the two maps say of addresses that they know and of those that they do not. The addresses are
 * made up: the map never touches what it describes.
 */
#include "../base/testing.h"

#include "extent/pagemap.h"
#include "extent/extents.h"

/* Roots that no mapping of a test process reaches. */
#define ROOT(i) ((uintptr_t)(300 + (i)) << LG_LEAF_SPAN)
#define GRANULE ((uintptr_t)1 << LG_GRANULE)
#define SPAN    ((uintptr_t)1 << LG_LEAF_SPAN)

static uint32_t
class_at(uintptr_t addr) {
    return pagemap_class((void *)addr);
}

static extent_t *
new_extent(uintptr_t addr, size_t size) {
    extent_t *e = extent_new();
    assert_non_null(e);
    e->addr = addr;
    e->size = size;
    return e;
}

/* No root that a process uses, nor the ends of user space, nor what the system keeps for itself. */
static void
test_unknown_addresses(void **state) {
    (void)state;
    static int variable;
    int local;
    uintptr_t user[] = {0, 1, 4096, (uintptr_t)&variable, (uintptr_t)&local, ((uintptr_t)1 << LG_VADDR) - 1};
    for (unsigned i = 0; i < LENGTH(user); i++) {
        assert_int_equal(class_at(user[i]), 0);
        assert_null(pagemap_extent(user[i]));
    }
    uintptr_t outside[] = {(uintptr_t)1 << LG_VADDR, (uintptr_t)1 << 48, (uintptr_t)1 << 63,
                           (uintptr_t)UINT64_C(0xffff800000000000), UINTPTR_MAX};
    for (unsigned i = 0; i < LENGTH(outside); i++) {
        assert_null(pagemap_extent(outside[i]));
    }
    for (unsigned root = 200; root < 260; root++) {
        assert_int_equal(class_at((uintptr_t)root << LG_LEAF_SPAN), 0);
        assert_null(pagemap_extent((uintptr_t)root << LG_LEAF_SPAN));
    }
}

static void
test_ensure(void **state) {
    (void)state;
    assert_true(pagemap_ensure(ROOT(0), GRANULE));
    assert_true(pagemap_ensure(ROOT(0), SPAN));
    for (uintptr_t addr = ROOT(0); addr < ROOT(1); addr += 1009 * GRANULE) {
        assert_int_equal(class_at(addr), 0);
        assert_null(pagemap_extent(addr));
    }
    assert_true(pagemap_ensure(((uintptr_t)1 << LG_VADDR) - GRANULE, GRANULE));
    assert_false(pagemap_ensure(((uintptr_t)1 << LG_VADDR) - GRANULE, 2 * GRANULE));
    assert_false(pagemap_ensure((uintptr_t)1 << LG_VADDR, GRANULE));
}

static void
test_boundary(void **state) {
    (void)state;
    uintptr_t addr = ROOT(1) + 10 * GRANULE;
    extent_t *e = new_extent(addr, 5 * GRANULE);
    assert_true(pagemap_ensure(addr, e->size));
    pagemap_set_boundary(addr, e->size, e);
    for (unsigned i = 0; i < 7; i++) {
        bool registered = i == 1 || i == 5;
        assert_ptr_equal(pagemap_extent(addr + (i - 1) * GRANULE), registered ? e : NULL);
        assert_ptr_equal(pagemap_extent(addr + i * GRANULE - 1), registered ? e : NULL);
        assert_int_equal(class_at(addr + (i - 1) * GRANULE), 0);
    }
    pagemap_set_boundary(addr, e->size, NULL);
    assert_null(pagemap_extent(addr));
    assert_null(pagemap_extent(addr + 4 * GRANULE));
    extent_delete(e);
}

static void
test_single_granule(void **state) {
    (void)state;
    extent_t *e = new_extent(ROOT(2), GRANULE);
    assert_true(pagemap_ensure(e->addr, e->size));
    pagemap_set_boundary(e->addr, e->size, e);
    assert_ptr_equal(pagemap_extent(ROOT(2)), e);
    assert_null(pagemap_extent(ROOT(2) + GRANULE));
    pagemap_set_boundary(e->addr, e->size, NULL);
    assert_null(pagemap_extent(ROOT(2)));
    extent_delete(e);
}

/* Each granule of the slab reads as expected, and so do its neighbours. */
static void
assert_slab(const extent_t *e, uint8_t class, bool interior) {
    for (uintptr_t granule = e->addr; granule < extent_end(e); granule += GRANULE) {
        bool boundary = granule == e->addr || granule + GRANULE == extent_end(e);
        assert_int_equal(class_at(granule), class);
        assert_int_equal(class_at(granule + GRANULE - 1), class);
        assert_ptr_equal(pagemap_extent(granule), boundary || interior ? e : NULL);
    }
    assert_int_equal(class_at(e->addr - 1), 0);
    assert_null(pagemap_extent(e->addr - 1));
    assert_int_equal(class_at(extent_end(e)), 0);
    assert_null(pagemap_extent(extent_end(e)));
}

static void
check_slab(uintptr_t addr, size_t granules, uint8_t class) {
    extent_t *e = new_extent(addr, granules * GRANULE);
    assert_true(pagemap_ensure(addr - GRANULE, e->size + 2 * GRANULE));
    pagemap_set_boundary(addr, e->size, e);
    assert_slab(e, 0, false);
    pagemap_set_slab(e, class);
    assert_slab(e, class, true);
    pagemap_clear_slab(e);
    assert_slab(e, 0, false);
    pagemap_set_boundary(addr, e->size, NULL);
    extent_delete(e);
}

static void
test_slab(void **state) {
    (void)state;
    for (size_t granules = 1; granules <= 20; granules++) {
        check_slab(ROOT(3) + 100 * GRANULE, granules, (uint8_t)granules);
    }
    check_slab(ROOT(3) + 100 * GRANULE, 2, 255);
}

/* A run that begins in one leaf and ends in the next. */
static void
test_slab_across_leaves(void **state) {
    (void)state;
    check_slab(ROOT(5) - 3 * GRANULE, 6, 17);
    check_slab(ROOT(5) - GRANULE, 2, 18);
}

static void
test_class(void **state) {
    (void)state;
    uintptr_t addr = ROOT(6) + 77 * GRANULE;
    assert_true(pagemap_ensure(addr, GRANULE));
    pagemap_set_class(addr, 42);
    assert_int_equal(class_at(addr), 42);
    assert_int_equal(class_at(addr + GRANULE - 1), 42);
    assert_int_equal(class_at(addr - 1), 0);
    assert_int_equal(class_at(addr + GRANULE), 0);
    assert_null(pagemap_extent(addr));
    pagemap_set_class(addr, 0);
    assert_int_equal(class_at(addr), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_addresses),
        cmocka_unit_test(test_ensure),
        cmocka_unit_test(test_boundary),
        cmocka_unit_test(test_single_granule),
        cmocka_unit_test(test_slab),
        cmocka_unit_test(test_slab_across_leaves),
        cmocka_unit_test(test_class),
    };
    return cmocka_run_group_tests_name("extent/pagemap", tests, boot_allocator, NULL);
}

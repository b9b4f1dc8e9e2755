/*
 * trim_to_peak_test.c -- fresh pages that would raise an arena's peak are paid for with dirty pages that have lain
 * idle; what is in circulation stays, and below the peak nothing is purged.
 */
#include "pages.h"

#define EXTENTS 32
#define EACH    32
#define LARGE   4096 /* pages; more than there are dirty ones */

static page_alloc_t pa;
static extent_t *live[EXTENTS];

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static size_t
resident(void) {
    layout_t layout = walk(&pa);
    return (layout.mapped - layout.bytes[extent_retained]) / sc.page;
}

/* EXTENTS dirty extents, which cannot merge: between live ones. */
static void
begin_with_dirty(int64_t dirty_ms) {
    extent_t *freed[EXTENTS];
    pages_begin(&pa, dirty_ms, 0);
    for (unsigned i = 0; i < EXTENTS; i++) {
        freed[i] = alloc_unmoved(&pa, EACH);
        live[i] = alloc_unmoved(&pa, EACH);
        assert_true(freed[i] != NULL && live[i] != NULL);
    }
    for (unsigned i = 0; i < EXTENTS; i++) {
        pa_dalloc(&pa, freed[i]);
    }
    assert_int_equal(ndirty(), EXTENTS * EACH);
}

static void
end(void) {
    for (unsigned i = 0; i < EXTENTS; i++) {
        pa_dalloc(&pa, live[i]);
    }
    pages_end(&pa);
}

/* One page comes and goes, so often that all extents but the one that it is cut from are idle. */
static void
circulate(void) {
    for (unsigned i = 0; i < 4 * EXTENTS; i++) {
        pa_dalloc(&pa, alloc_unmoved(&pa, 1));
    }
}

static void
test_peak_is_paid_for_with_idle_pages(void **state) {
    (void)state;
    begin_with_dirty(10000);
    circulate();
    size_t before = resident();
    extent_t *large = alloc_unmoved(&pa, LARGE);
    assert_int_equal(ndirty(), EACH);
    assert_int_equal(resident(), before + LARGE - (EXTENTS - 1) * EACH);
    assert_int_equal(atomic_get(&pa.purged_bytes), (EXTENTS - 1) * EACH * sc.page);
    pa_dalloc(&pa, large);
    end();
}

/* No more than what is needed. */
static void
test_peak_rises_by_less_than_what_is_idle(void **state) {
    (void)state;
    begin_with_dirty(10000);
    circulate();
    size_t before = resident();
    extent_t *large = alloc_unmoved(&pa, 5 * EACH);
    assert_int_equal(resident(), before);
    assert_int_equal(ndirty(), (EXTENTS - 5) * EACH);
    pa_dalloc(&pa, large);
    end();
}

/* Less than 1/32 more than ever before. */
static void
test_a_little_more_is_free(void **state) {
    (void)state;
    begin_with_dirty(10000);
    circulate();
    extent_t *large = alloc_unmoved(&pa, 2 * EACH - 1);
    assert_int_equal(atomic_get(&pa.purged_bytes), 0);
    extent_t *more = alloc_unmoved(&pa, 2 * EACH);
    assert_int_equal(atomic_get(&pa.purged_bytes), (4 * EACH - 1) * sc.page);
    pa_dalloc(&pa, large);
    pa_dalloc(&pa, more);
    end();
}

static void
test_pages_in_circulation_stay(void **state) {
    (void)state;
    begin_with_dirty(10000);
    extent_t *large = alloc_unmoved(&pa, LARGE);
    assert_int_equal(ndirty(), EXTENTS * EACH);
    pa_dalloc(&pa, large);
    end();
}

static void
test_below_the_peak_nothing_is_purged(void **state) {
    (void)state;
    begin_with_dirty(10000);
    extent_t *large = alloc_unmoved(&pa, LARGE);
    pa_dalloc(&pa, large);
    pa_purge_all(&pa);
    for (unsigned i = 0; i < EXTENTS; i += 2) {
        pa_dalloc(&pa, live[i]);
        live[i] = NULL;
    }
    circulate();
    size_t idle = ndirty();
    large = alloc_unmoved(&pa, LARGE - 2 * EXTENTS * EACH);
    assert_int_equal(ndirty(), idle);
    pa_dalloc(&pa, large);
    for (unsigned i = 0; i < EXTENTS; i += 2) {
        live[i] = alloc_unmoved(&pa, EACH);
    }
    end();
}

static void
test_pages_that_never_decay_are_no_payment(void **state) {
    (void)state;
    begin_with_dirty(-1);
    circulate();
    extent_t *large = alloc_unmoved(&pa, LARGE);
    assert_int_equal(ndirty(), EXTENTS * EACH);
    pa_dalloc(&pa, large);
    end();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peak_is_paid_for_with_idle_pages),
        cmocka_unit_test(test_peak_rises_by_less_than_what_is_idle),
        cmocka_unit_test(test_a_little_more_is_free),
        cmocka_unit_test(test_pages_in_circulation_stay),
        cmocka_unit_test(test_below_the_peak_nothing_is_purged),
        cmocka_unit_test(test_pages_that_never_decay_are_no_payment),
    };
    return cmocka_run_group_tests_name("extent/trim_to_peak", tests, boot_allocator, NULL);
}

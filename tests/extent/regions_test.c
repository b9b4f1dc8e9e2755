/*
 * regions_test.c -- extents merge only within a region: neighbours in address that come from different regions stay
 * apart in every state, and a region is given back as the whole that it was. Under pages_regions.c the system itself
 * ends the process at the first call that spans two regions; tests/extent/heads.sh shows that it does.
 */
#include "pages.h"

#include "base/options.h"
#include "os/pages.h"

#define NREGIONS    24
#define REGION_SIZE ((size_t)256 << 10)

static page_alloc_t pa;

/* Does the system give back pages by decommitting them, as VirtualAlloc does? */
static bool
has_region_rules(void) {
    void *page = pages_map(pages_size(), pages_size());
    assert_non_null(page);
    bool decommits = pages_decommit(page, pages_size());
    pages_unmap(page, pages_size());
    return decommits;
}

static void
fill(extent_t **extents) {
    for (unsigned i = 0; i < NREGIONS; i++) {
        extents[i] = alloc_pages(&pa, REGION_SIZE / sc.page);
        assert_non_null(extents[i]);
        assert_true(extents[i]->is_head);
        memset((void *)extents[i]->addr, 0x5a, REGION_SIZE);
    }
}

/* One extent per region; each region is as large as its allocation. */
static void
fill_regions(extent_t **extents) {
    size_t limit = atomic_get(&options.retain_grow_limit);
    atomic_set(&options.retain_grow_limit, sc.page);
    fill(extents);
    atomic_set(&options.retain_grow_limit, limit);
    assert_int_equal(atomic_get(&pa.nregions), NREGIONS);
}

/* How many of the regions begin where another one ends. */
static unsigned
count_neighbours(extent_t *const *extents) {
    unsigned n = 0;
    for (unsigned i = 0; i < NREGIONS; i++) {
        for (unsigned k = 0; k < NREGIONS; k++) {
            n += extents[i]->addr == extents[k]->addr + REGION_SIZE;
        }
    }
    return n;
}

/* Every region is still one extent of its own, in this state. */
static void
assert_apart(extent_state_t state) {
    layout_t layout = check_pages(&pa, 0);
    assert_int_equal(layout.count[state], NREGIONS);
    assert_int_equal(layout.bytes[state], NREGIONS * REGION_SIZE);
}

/* In no order of its own. */
static void
free_all(extent_t *const *extents) {
    for (unsigned i = 0; i < NREGIONS; i++) {
        pa_dalloc(&pa, extents[i * 7 % NREGIONS]);
    }
}

/* Purged before anything else looks: it is the system that would notice first. */
static void
test_merge_only_within_a_region_heads_never_leftward(void **state) {
    (void)state;
    extent_t *extents[NREGIONS];
    pages_begin(&pa, -1, -1);
    fill_regions(extents);
    unsigned neighbours = count_neighbours(extents);
    free_all(extents);
    pa_purge_all(&pa);
    assert_apart(extent_retained);
    fill(extents);
    free_all(extents);
    assert_apart(extent_dirty);
    pages_end(&pa);
    if (has_region_rules()) {
        assert_int_equal(neighbours, NREGIONS - 1);
    }
}

/* Growing in place stops at the region's end, although what lies behind is free. */
static void
test_merge_only_within_a_region_when_growing(void **state) {
    (void)state;
    extent_t *extents[NREGIONS];
    pages_begin(&pa, -1, -1);
    fill_regions(extents);
    for (unsigned i = 0; i < NREGIONS; i += 2) {
        pa_dalloc(&pa, extents[i]);
    }
    for (unsigned i = 1; i < NREGIONS; i += 2) {
        size_t size = REGION_SIZE + sc.page;
        assert_false(pa_expand(&pa, extents[i], size, sc_index(size)));
        assert_int_equal(extents[i]->size, REGION_SIZE);
        pa_dalloc(&pa, extents[i]);
    }
    assert_apart(extent_dirty);
    pages_end(&pa);
}

/* The part of a region that was used has been given back, the part that never was has not: two extents that never
 * merge where giving back is decommitting. */
static void
test_region_in_pieces_is_given_back(void **state) {
    (void)state;
    if (config_torture) {
        print_message("skip: every region is used up there\n");
        skip();
    }
    pages_begin(&pa, -1, 0);
    extent_t *e = alloc_pages(&pa, REGION_SIZE / sc.page);
    assert_non_null(e);
    size_t rest = atomic_get(&pa.retained.npages);
    assert_true(rest > 0);
    pa_dalloc(&pa, e);
    pa_purge_all(&pa);
    layout_t layout = check_pages(&pa, 0);
    assert_int_equal(layout.bytes[extent_retained], layout.mapped);
    assert_true(pa_release_unused(&pa));
    assert_int_equal(atomic_get(&pa.nregions), 0);
    assert_int_equal(atomic_get(&pa.mapped), 0);
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_only_within_a_region_heads_never_leftward),
        cmocka_unit_test(test_merge_only_within_a_region_when_growing),
        cmocka_unit_test(test_region_in_pieces_is_given_back),
    };
    return cmocka_run_group_tests_name("extent/regions", tests, boot_allocator, NULL);
}

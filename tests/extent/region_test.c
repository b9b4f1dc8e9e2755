/*
 * region_test.c -- regions: growth, borders that nothing merges across, the way back to the system, and a system that
 * has no memory left.
 */
#include "pages.h"

#include "base/options.h"
#include "extent/highwater.h"
#include "extent/metadata.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MEGABYTE ((size_t)1 << 20)

static page_alloc_t pa;
static size_t saved_limit;

/* A growth limit of its own for one test: regions no larger than the allocation. */
static int
smallest_regions(void **state) {
    (void)state;
    saved_limit = atomic_get(&options.retain_grow_limit);
    atomic_set(&options.retain_grow_limit, sc.page);
    return 0;
}

static int
restore_limit(void **state) {
    (void)state;
    atomic_set(&options.retain_grow_limit, saved_limit);
    return 0;
}

static bool
is_mapped(uintptr_t addr, size_t size) {
    unsigned char vector;
    for (uintptr_t page = addr; page < addr + size; page += sc.page) {
        if (mincore((void *)page, sc.page, &vector) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- growth ---- */

/* Each new region is at least as large as the one before, up to the limit, and in torture builds always minimal. */
static void
test_growth(void **state) {
    (void)state;
    extent_t *e[200];
    unsigned n = 0;
    size_t last = 0;
    pages_begin(&pa, -1, 0);
    while (n < 200 && atomic_get(&pa.mapped) < 100 * MEGABYTE) {
        size_t before = atomic_get(&pa.mapped);
        e[n] = alloc_pages(&pa, 128);
        assert_non_null(e[n++]);
        size_t grown = atomic_get(&pa.mapped) - before;
        assert_true(grown == 0 || grown >= last);
        last = grown == 0 ? last : grown;
    }
    assert_true(config_torture ? last == 128 * sc.page : last >= 16 * MEGABYTE);
    check_pages(&pa, n * 128 * sc.page);
    while (n > 0) {
        pa_dalloc(&pa, e[--n]);
    }
    pages_end(&pa);
}

/* A request beyond the limit gets a region of its own size. */
static void
test_growth_limit(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    extent_t *small = alloc_pages(&pa, 1), *large = alloc_pages(&pa, 300);
    assert_int_equal(atomic_get(&pa.nregions), 2);
    assert_int_equal(atomic_get(&pa.mapped), 301 * sc.page);
    assert_true(small->is_head && large->is_head && small->sn < large->sn);
    pa_dalloc(&pa, small);
    pa_dalloc(&pa, large);
    pages_end(&pa);
}

/* ---- borders ---- */

static unsigned
count_adjacent(extent_t *const *e, unsigned n) {
    unsigned adjacent = 0;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = 0; j < n; j++) {
            adjacent += extent_end(e[i]) == e[j]->addr;
        }
    }
    return adjacent;
}

/* Free regions side by side stay apart in every state, and nothing grows from one into the next. */
static void
test_regions_do_not_merge(void **state) {
    (void)state;
    extent_t *e[64];
    pages_begin(&pa, -1, 0);
    for (unsigned i = 0; i < 64; i++) {
        e[i] = alloc_pages(&pa, 4);
    }
    if (count_adjacent(e, 64) == 0) {
        print_message("the system put no two regions side by side\n");
        skip();
    }
    for (unsigned i = 0; i < 64; i += 2) {
        pa_dalloc(&pa, e[i]);
    }
    for (unsigned i = 1; i < 64; i += 2) {
        assert_false(pa_expand(&pa, e[i], 5 * sc.page, sc_index(5 * sc.page)));
        assert_int_equal(e[i]->size, 4 * sc.page);
        pa_dalloc(&pa, e[i]);
    }
    assert_int_equal(check_pages(&pa, 0).count[extent_dirty], 64);
    pa_purge_all(&pa);
    assert_int_equal(check_pages(&pa, 0).count[extent_retained], 64);
    pages_end(&pa);
}

/* ---- the way back ---- */

static void
test_release_unused(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    extent_t *e[10];
    for (unsigned i = 0; i < 10; i++) {
        e[i] = alloc_pages(&pa, 20);
    }
    assert_int_equal(atomic_get(&pa.nregions), 10);
    assert_false(pa_release_unused(&pa));
    uintptr_t gone = e[0]->addr;
    for (unsigned i = 0; i < 10; i += 3) {
        pa_dalloc(&pa, e[i]);
    }
    assert_false(pa_release_unused(&pa));
    pa_purge_all(&pa);
    assert_true(is_mapped(gone, 20 * sc.page));
    assert_true(pa_release_unused(&pa));
    assert_false(is_mapped(gone, 20 * sc.page));
    assert_null(pagemap_extent(gone));
    assert_int_equal(atomic_get(&pa.nregions), 6);
    assert_int_equal(atomic_get(&pa.mapped), 6 * 20 * sc.page);
    check_pages(&pa, 6 * 20 * sc.page);
    e[9] = alloc_pages(&pa, 20);
    check_pages(&pa, 7 * 20 * sc.page);
    for (unsigned i = 1; i < 10; i++) {
        if (i % 3 != 0 || i == 9) {
            pa_dalloc(&pa, e[i]);
        }
    }
    pages_end(&pa);
}

/* A region of which one page lives stays. */
static void
test_partly_used_region_stays(void **state) {
    (void)state;
    pages_begin(&pa, 0, 0);
    extent_t *whole = alloc_pages(&pa, 50);
    assert_true(pa_shrink(&pa, whole, sc.page, sc_index(sc.page)));
    assert_false(pa_release_unused(&pa));
    assert_int_equal(check_pages(&pa, sc.page).mapped, 50 * sc.page);
    pa_dalloc(&pa, whole);
    assert_true(pa_release_unused(&pa));
    assert_int_equal(atomic_get(&pa.mapped), 0);
    pages_end(&pa);
}

static void
test_release_all(void **state) {
    (void)state;
    pages_begin(&pa, -1, -1);
    extent_t *e[30];
    for (unsigned i = 0; i < 30; i++) {
        e[i] = alloc_pages(&pa, 1 + i * 7);
    }
    for (unsigned i = 0; i < 30; i++) {
        pa_dalloc(&pa, e[i]);
    }
    pages_end(&pa);
    e[0] = alloc_pages(&pa, 5);
    check_pages(&pa, 5 * sc.page);
    pa_dalloc(&pa, e[0]);
    pages_end(&pa);
}

/* ---- no memory ---- */

/* The limit on address space becomes what is used now and so many bytes more. No allocation on the way. */
static bool
limit_address_space(size_t more) {
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    rlim_t used = (rlim_t)strtoull(text, NULL, 10) * sc.page;
    struct rlimit limit = {used + more, used + more};
    return n > 0 && setrlimit(RLIMIT_AS, &limit) == 0;
}

/* As many extents as the system has memory for; `e` has room for n. */
static unsigned
alloc_until_null(extent_t **e, unsigned n, size_t npages) {
    unsigned got = 0;
    while (got < n && (e[got] = alloc_pages(&pa, npages)) != NULL) {
        memset((void *)e[got]->addr, 1, 1);
        got++;
    }
    return got;
}

static size_t
active_bytes(void) {
    layout_t layout = walk(&pa);
    return layout.broken == NULL ? layout.bytes[extent_active] : SIZE_MAX;
}

/*
 * 1 MiB at a time until nothing is left, the last regions being smaller than growth would have them; then most of
 * it again in one piece. The result names the step that failed.
 */
static int
exhaust_and_recover(void *argument) {
    (void)argument;
    static extent_t *e[4096];
    size_t npages = MEGABYTE / sc.page;
    if (!limit_address_space(56 * MEGABYTE)) {
        return 1;
    }
    unsigned got = alloc_until_null(e, 4096, npages);
    if (got < 40 || got == 4096 || active_bytes() != got * MEGABYTE) {
        return 2;
    }
    if (alloc_pages(&pa, npages) != NULL || alloc_aligned(&pa, 1, 256 * MEGABYTE) != NULL) {
        return 3;
    }
    for (unsigned i = 0; i < got; i++) {
        pa_dalloc(&pa, e[i]);
    }
    pa_check(&pa);
    pa_purge_all(&pa);
    extent_t *large = alloc_pages(&pa, got * npages * 3 / 4);
    if (large == NULL || active_bytes() != large->size) {
        return 4;
    }
    pa_dalloc(&pa, large);
    pa_release_all(&pa);
    return atomic_get(&pa.mapped) == 0 ? 0 : 5;
}

static void
test_out_of_memory(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    assert_child_succeeds(exhaust_and_recover, NULL);
    pages_end(&pa);
}

/* Not even a descriptor can be had: what is allocated then still comes and goes, and nothing breaks. */
static int
work_without_memory(void *argument) {
    (void)argument;
    static extent_t *e[4096];
    uint64_t seed = 1;
    unsigned n = 0;
    if (!limit_address_space(8 * MEGABYTE)) {
        return 1;
    }
    alloc_until_null(e + 4000, 96, 64);
    for (unsigned i = 0; i < 20000; i++) {
        if (n > 0 && random_below(&seed, 2) == 0) {
            unsigned victim = random_below(&seed, n);
            pa_dalloc(&pa, e[victim]);
            e[victim] = e[--n];
        } else if (n < 3000 && (e[n] = alloc_pages(&pa, 1 + random_below(&seed, 20))) != NULL) {
            n++;
        }
        if (i % 100 == 0 && (pa_check(&pa), active_bytes()) == SIZE_MAX) {
            return 2;
        }
    }
    return 0;
}

static void
test_work_without_memory(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    assert_child_succeeds(work_without_memory, NULL);
    pages_end(&pa);
}

/* Places that no address space has. */
static void
test_impossible(void **state) {
    (void)state;
    bool zeroed = false;
    pages_begin(&pa, -1, 0);
    assert_null(alloc_extent(&pa, SC_LARGE_MAX, SC_LARGE_MAX, sc_index(SC_LARGE_MAX), false, &zeroed));
    assert_null(alloc_extent(&pa, sc.page, SC_LARGE_MAX * 2, sc_index(sc.page), false, &zeroed));
    check_pages(&pa, 0);
    extent_t *e = alloc_pages(&pa, 10);
    assert_non_null(e);
    assert_false(pa_expand(&pa, e, SC_LARGE_MAX, sc_index(SC_LARGE_MAX)));
    check_pages(&pa, 10 * sc.page);
    pa_dalloc(&pa, e);
    pages_end(&pa);
}

/* The same where the free part is in front. */
static void
test_region_used_at_its_end_stays(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 300));
    extent_t *front = alloc_unmoved(&pa, 100), *back = alloc_unmoved(&pa, 200);
    assert_int_equal(extent_end(front), back->addr);
    memset((void *)back->addr, 1, back->size);
    pa_dalloc(&pa, front);
    pa_purge_all(&pa);
    assert_false(pa_release_unused(&pa));
    assert_true(is_mapped(back->addr, back->size));
    check_pages(&pa, 200 * sc.page);
    pa_dalloc(&pa, back);
    pages_end(&pa);
}

/* ---- nothing is left behind ---- */

static void
use_and_purge(void) {
    extent_t *e = alloc_pages(&pa, 300);
    assert_non_null(e);
    pa_dalloc(&pa, e);
    pa_purge_all(&pa);
}

/* A region that came and went, many times: records, descriptors and the sum of what is mapped are as before. */
static void
come_and_go(bool destroyed) {
    size_t metadata = 0, mark = 0;
    for (unsigned i = 0; i < 400; i++) {
        use_and_purge();
        if (destroyed) {
            pa_release_all(&pa);
        } else {
            assert_true(pa_release_unused(&pa));
        }
        assert_int_equal(atomic_get(&pa.mapped), 0);
        if (i == 0) {
            metadata = metadata_bytes();
            mark = highwater_mark();
        }
    }
    assert_int_equal(metadata_bytes(), metadata);
    assert_int_equal(highwater_mark(), mark);
}

static void
test_regions_come_and_go(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    come_and_go(false);
    come_and_go(true);
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test_setup_teardown(test_growth_limit, smallest_regions, restore_limit),
        cmocka_unit_test_setup_teardown(test_regions_do_not_merge, smallest_regions, restore_limit),
        cmocka_unit_test_setup_teardown(test_release_unused, smallest_regions, restore_limit),
        cmocka_unit_test_setup_teardown(test_partly_used_region_stays, smallest_regions, restore_limit),
        cmocka_unit_test(test_release_all),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_work_without_memory),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test_setup_teardown(test_region_used_at_its_end_stays, smallest_regions, restore_limit),
        cmocka_unit_test_setup_teardown(test_regions_come_and_go, smallest_regions, restore_limit),
    };
    return cmocka_run_group_tests_name("extent/region", tests, boot_allocator, NULL);
}

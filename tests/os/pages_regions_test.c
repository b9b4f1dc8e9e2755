/* pages_regions_test.c -- VirtualAlloc's rules: each way to break one ends the process with a message of its own. */
#include "../base/testing.h"

#include "os/pages.h"

#include <pthread.h>

#define NREGIONS 64
#define NTHREADS 4

static size_t page;

static char *
map(size_t npages) {
    char *pages = pages_map(npages * page, page);
    assert_non_null(pages);
    return pages;
}

/* Two regions side by side; the first has 8 pages. */
static char *
map_two(void) {
    char *first = map(8);
    char *second = map(8);
    assert_ptr_equal(second, first + 8 * page);
    return first;
}

/* ---- one rule broken ---- */

typedef enum {
    decommit_spans,
    purge_lazy_spans,
    purge_forced_spans,
    commit_spans,
    release_spans,
    decommit_beyond,
    decommit_nowhere,
    decommit_after_release,
    release_first_half,
    release_second_half,
    release_twice,
    commit_committed,
    decommit_decommitted,
    purge_decommitted,
    decommit_part_of_page,
    nothing_at_all
} rule_t;

static int
break_rule(void *argument) {
    char *first = map_two();
    switch (*(rule_t *)argument) {
    case decommit_spans:
        return pages_decommit(first + 7 * page, 2 * page);
    case purge_lazy_spans:
        return pages_purge_lazy(first, 16 * page);
    case purge_forced_spans:
        return pages_purge_forced(first + page, 8 * page);
    case commit_spans:
        return pages_decommit(first, 8 * page) && pages_commit(first + 7 * page, 2 * page);
    case release_spans:
        pages_unmap(first, 16 * page);
        return 0;
    case decommit_beyond:
        return pages_decommit(first + 15 * page, 2 * page);
    case decommit_nowhere:
        return pages_decommit((void *)page, page);
    case decommit_after_release:
        pages_unmap(first, 8 * page);
        return pages_decommit(first, 8 * page);
    case release_first_half:
        pages_unmap(first, 4 * page);
        return 0;
    case release_second_half:
        pages_unmap(first + 4 * page, 4 * page);
        return 0;
    case release_twice:
        pages_unmap(first, 8 * page);
        pages_unmap(first, 8 * page);
        return 0;
    case commit_committed:
        return pages_commit(first, page);
    case decommit_decommitted:
        return pages_decommit(first + page, page) && pages_decommit(first, 3 * page);
    case purge_decommitted:
        return pages_decommit(first + page, page) && pages_purge_lazy(first, 3 * page);
    case decommit_part_of_page:
        return pages_decommit(first + page / 2, page);
    default:
        return pages_decommit(first, 0);
    }
}

static void
test_virtualalloc_rules_fail_hard(void **state) {
    (void)state;
    static const struct {
        rule_t rule;
        const char *message;
    } cases[] = {
        {decommit_spans, "lunalloc: decommit that spans two regions: 0x"},
        {purge_lazy_spans, "lunalloc: lazy purge that spans two regions: 0x"},
        {purge_forced_spans, "lunalloc: forced purge that spans two regions: 0x"},
        {commit_spans, "lunalloc: commit that spans two regions: 0x"},
        {release_spans, "lunalloc: release that spans two regions: 0x"},
        {decommit_beyond, "lunalloc: decommit that goes beyond its region: 0x"},
        {decommit_nowhere, "lunalloc: decommit that touches memory of no region: 0x"},
        {decommit_after_release, "lunalloc: decommit that touches memory of no region: 0x"},
        {release_first_half, "lunalloc: release that leaves part of its region: 0x"},
        {release_second_half, "lunalloc: release that leaves part of its region: 0x"},
        {release_twice, "lunalloc: release that touches memory of no region: 0x"},
        {commit_committed, "lunalloc: commit that touches committed pages: 0x"},
        {decommit_decommitted, "lunalloc: decommit that touches decommitted pages: 0x"},
        {purge_decommitted, "lunalloc: lazy purge that touches decommitted pages: 0x"},
        {decommit_part_of_page, "lunalloc: decommit that is not of whole pages: 0x"},
        {nothing_at_all, "lunalloc: decommit that is not of whole pages: 0x"},
    };
    for (unsigned i = 0; i < LENGTH(cases); i++) {
        rule_t rule = cases[i].rule;
        assert_aborts(break_rule, &rule, cases[i].message);
    }
}

/* ---- decommitted pages ---- */

static int
touch_decommitted(void *argument) {
    char *pages = map(3);
    signal(SIGSEGV, SIG_DFL);
    pages_decommit(pages + page, page);
    ((volatile char *)pages)[(size_t)argument * page] = 1;
    return 0;
}

static void
test_decommitted_pages_are_inaccessible(void **state) {
    (void)state;
    assert_child_succeeds(touch_decommitted, (void *)0);
    assert_child_succeeds(touch_decommitted, (void *)2);
    child_t child = run_child(touch_decommitted, (void *)1);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGSEGV);
}

static void
test_commit_gives_zeros(void **state) {
    (void)state;
    char *pages = map(8);
    memset(pages, 1, 8 * page);
    assert_true(pages_decommit(pages + 2 * page, 4 * page));
    assert_true(pages_commit(pages + 3 * page, page));
    assert_true(pages_commit(pages + 4 * page, 2 * page));
    for (size_t i = 0; i < 3 * page; i++) {
        assert_int_equal(pages[3 * page + i], 0);
    }
    assert_int_equal(pages[2 * page - 1], 1);
    assert_int_equal(pages[6 * page], 1);
    pages_unmap(pages, 8 * page);
}

static void
test_lazy_purge_by_choice(void **state) {
    (void)state;
    char *pages = map(2);
    pages_regions_set_lazy(false);
    assert_false(pages_purge_lazy(pages, 2 * page));
    pages_regions_set_lazy(true);
    assert_true(pages_purge_lazy(pages, 2 * page));
    assert_false(pages_purge_forced(pages, 2 * page));
    pages_unmap(pages, 2 * page);
}

/* ---- the table ---- */

static void
test_released_in_any_order(void **state) {
    (void)state;
    char *pages[NREGIONS];
    size_t before = pages_regions_count();
    for (size_t i = 0; i < NREGIONS; i++) {
        pages[i] = pages_map((i + 1) * page, page << i % 5);
        assert_non_null(pages[i]);
        assert_int_equal((uintptr_t)pages[i] & ((page << i % 5) - 1), 0);
        memset(pages[i], (int)i, (i + 1) * page);
    }
    assert_int_equal(pages_regions_count(), before + NREGIONS);
    for (size_t i = 0; i < NREGIONS; i++) {
        size_t k = i * 29 % NREGIONS;
        assert_int_equal(pages[k][k * page], (char)k);
        assert_true(pages_decommit(pages[k], (k + 1) * page));
        pages_unmap(pages[k], (k + 1) * page);
    }
    assert_int_equal(pages_regions_count(), before);
}

static void *
map_and_unmap(void *argument) {
    uint64_t seed = (uintptr_t)argument;
    for (unsigned round = 0; round < 2000; round++) {
        size_t size = (1 + random_below(&seed, 40)) * page;
        char *pages = pages_map(size, page);
        if (pages == NULL || !pages_decommit(pages, page) || !pages_commit(pages, page) || pages[0] != 0) {
            return argument;
        }
        pages[size - 1] = 1;
        pages_unmap(pages, size);
    }
    return NULL;
}

static void
test_many_threads(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    size_t before = pages_regions_count();
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_in_range(pages_regions_count(), before, before + 64);
}

static int
boot(void **state) {
    page = pages_size();
    return boot_allocator(state);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_virtualalloc_rules_fail_hard), cmocka_unit_test(test_decommitted_pages_are_inaccessible),
        cmocka_unit_test(test_commit_gives_zeros),           cmocka_unit_test(test_lazy_purge_by_choice),
        cmocka_unit_test(test_released_in_any_order),        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests_name("os/pages_regions", tests, boot, NULL);
}

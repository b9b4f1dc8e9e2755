/* pages_linux_test.c -- systems that say what they do not do, and what is left when one refuses. */
#include "../base/bytes.h"
#include "../base/testing.h"

#include "os/pages.h"

#include <sys/mman.h>

static bool
forgets_to_forget(fault_kind_t kind) {
    return kind == fault_ineffective;
}

/* The advice seems to be taken, and the pages keep what they hold. */
static void
test_giving_back_is_looked_at(void **state) {
    (void)state;
    assert_true(pages_linux_try_purge());
    atomic_set(&fault_slot, forgets_to_forget);
    bool forgets = pages_linux_try_purge();
    atomic_set(&fault_slot, NULL);
    assert_false(forgets);
}

/* The first purge of a process that such a system runs, and the next ones. */
static int
purge_in_vain(void *context) {
    unsigned char *page = context;
    atomic_set(&fault_slot, forgets_to_forget);
    return pages_purge_forced(page, pages_size()) || pages_purge_forced(page, pages_size());
}

static void
test_purge_that_does_nothing_is_refused(void **state) {
    (void)state;
    unsigned char *page = pages_map(pages_size(), pages_size());
    assert_non_null(page);
    memset(page, 1, pages_size());
    assert_child_succeeds(purge_in_vain, page);
    assert_true(pages_purge_forced(page, pages_size()));
    assert_true(all_zero(page, pages_size()));
    pages_unmap(page, pages_size());
}

static bool
no_guard(fault_kind_t kind) {
    return kind == fault_guard || kind == fault_unguard;
}

/* What cannot be made accessible again is after a commit. */
static void
test_guard_that_stays(void **state) {
    (void)state;
    size_t page = pages_size();
    unsigned char *pages = pages_map(2 * page, page);
    assert_non_null(pages);
    memset(pages, 1, 2 * page);
    atomic_set(&fault_slot, no_guard);
    assert_false(pages_guard(pages + page, page));
    pages[page] = 2;
    atomic_set(&fault_slot, NULL);
    assert_true(pages_guard(pages + page, page));
    atomic_set(&fault_slot, no_guard);
    assert_false(pages_unguard(pages + page, page));
    assert_true(pages_purge_forced(pages, 2 * page));
    assert_true(pages_commit(pages, 2 * page));
    atomic_set(&fault_slot, NULL);
    assert_true(all_zero(pages, 2 * page));
    memset(pages, 3, 2 * page);
    pages_unmap(pages, 2 * page);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_purge_that_does_nothing_is_refused), /* first: what is found is kept */
        cmocka_unit_test(test_giving_back_is_looked_at),
        cmocka_unit_test(test_guard_that_stays),
    };
    return cmocka_run_group_tests_name("os/pages_linux", tests, NULL, NULL);
}

/* pages_test.c -- the contract of os/pages.h, by what the system itself says of each page. */
#include "../base/bytes.h"
#include "../base/testing.h"

#include "base/bits.h"
#include "os/pages.h"

#include <windows.h>

#define SIZE ((size_t)256 << 10)

static DWORD
state_of(const char *addr) {
    MEMORY_BASIC_INFORMATION info;
    assert_true(VirtualQuery(addr, &info, sizeof info) != 0);
    return info.State;
}

static void
test_map(void **state) {
    (void)state;
    char *region = pages_map(SIZE, pages_size());
    assert_non_null(region);
    assert_true(all_zero(region, SIZE));
    memset(region, 1, SIZE);
    pages_unmap(region, SIZE);
    assert_int_equal(state_of(region), MEM_FREE);
}

/* Up to far beyond the system's own granularity, both kinds of region. */
static void
test_alignment(void **state) {
    (void)state;
    for (size_t alignment = pages_size(); alignment <= (size_t)1 << 32; alignment *= 2) {
        bool committed = true;
        char *mapped = pages_map(SIZE, alignment);
        char *reserved = pages_reserve(SIZE, alignment, &committed);
        assert_true(mapped != NULL && reserved != NULL && !committed);
        assert_int_equal(((uintptr_t)mapped | (uintptr_t)reserved) & (alignment - 1), 0);
        assert_true(state_of(mapped) == MEM_COMMIT && state_of(reserved) == MEM_RESERVE);
        pages_unmap(mapped, SIZE);
        pages_unmap(reserved, SIZE);
    }
}

/* Page by page, in any order, what is committed reads as zeros, and the rest is inaccessible. */
static void
test_commit_and_decommit(void **state) {
    (void)state;
    bool committed;
    size_t page = pages_size(), npages = SIZE / page;
    bool model[SIZE / 4096] = {false};
    uint64_t seed = 1;
    char *region = pages_reserve(SIZE, page, &committed);
    assert_non_null(region);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned at = random_below(&seed, (unsigned)npages);
        char *addr = region + at * page;
        assert_int_equal(state_of(addr), model[at] ? MEM_COMMIT : MEM_RESERVE);
        assert_true(model[at] ? pages_decommit(addr, page) : pages_commit(addr, page));
        model[at] = !model[at];
        if (model[at]) {
            assert_true(all_zero(addr, page));
            memset(addr, 1, page);
        }
    }
    pages_unmap(region, SIZE);
}

/* Not given back at once; and what can only be decommitted refuses, and keeps its contents. */
static void
test_purging(void **state) {
    (void)state;
    char *region = pages_map(SIZE, pages_size());
    assert_non_null(region);
    memset(region, 1, SIZE);
    assert_false(pages_purge_forced(region, SIZE));
    assert_true(region[0] == 1 && memcmp(region, region + 1, SIZE - 1) == 0);
    assert_true(pages_purge_lazy(region, SIZE));
    assert_int_equal(state_of(region), MEM_COMMIT);
    memset(region, 2, SIZE);
    assert_true(region[0] == 2 && memcmp(region, region + 1, SIZE - 1) == 0);
    pages_unmap(region, SIZE);
}

/* Places that the address space does not have. */
static void
test_impossible(void **state) {
    (void)state;
    bool committed;
    assert_null(pages_map((size_t)1 << 48, pages_size()));
    assert_null(pages_map(SIZE, (size_t)1 << 47));
    assert_null(pages_reserve((size_t)1 << 48, (size_t)1 << 46, &committed));
    assert_null(pages_map((size_t)1 << 63, (size_t)1 << 63));
}

/* The last error code is the application's, whether calls succeed or fail. */
static void
test_last_error_is_kept(void **state) {
    (void)state;
    SetLastError(4242);
    char *region = pages_map(SIZE, SIZE);
    bool done = pages_decommit(region, SIZE) && pages_commit(region, SIZE) && pages_purge_lazy(region, SIZE);
    void *none = pages_map((size_t)1 << 48, pages_size());
    pages_unmap(region, SIZE);
    DWORD error = GetLastError();
    assert_true(region != NULL && done && none == NULL);
    assert_int_equal(error, 4242);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),     cmocka_unit_test(test_alignment),  cmocka_unit_test(test_commit_and_decommit),
        cmocka_unit_test(test_purging), cmocka_unit_test(test_impossible), cmocka_unit_test(test_last_error_is_kept),
    };
    return cmocka_run_group_tests_name("windows/pages", tests, NULL, NULL);
}

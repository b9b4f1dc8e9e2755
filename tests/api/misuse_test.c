/* misuse_test.c -- one child for each way of misusing the entry points: one line that says what, and abort. */
#include "../api/support.h"
#include "base/sc.h"
#include "extent/pagemap.h"

static void
free_it(void *ptr) {
    lunalloc_free(ptr);
}

/* Frees, and then makes this thread's cache give back what it took. */
static void
free_and_flush(void *ptr) {
    lunalloc_free(ptr);
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
}

static void
free_twice(void *ptr) {
    lunalloc_free(ptr);
    free_and_flush(ptr);
}

static void
resize_it(void *ptr) {
    lunalloc_realloc(ptr, 12345);
}

static void
measure_it(void *ptr) {
    lunalloc_usable_size(ptr);
}

static void
dies(void (*body)(void *), void *ptr, const char *text) {
    outcome_t out = in_child(body, ptr);
    assert_misuse(&out, text);
}

#define FOREIGN "is not an address that this allocator gave"

static void
test_foreign(void **state) {
    (void)state;
    static int global;
    int local;
    void *const strange[] = {&global,
                             &local,
                             (void *)(uintptr_t)8,
                             (void *)((uintptr_t)1 << 46),
                             (void *)(uintptr_t)test_foreign,
                             (void *)(((uintptr_t)1 << 47) - 8)};
    for (unsigned i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        dies(free_it, strange[i], FOREIGN);
        dies(resize_it, strange[i], FOREIGN);
        dies(measure_it, strange[i], FOREIGN);
    }
}

/* Addresses that no user process has: the fast path does not test for them, but the process ends. */
static void
test_beyond_user_space(void **state) {
    (void)state;
    void *const strange[] = {(void *)((uintptr_t)1 << 47), (void *)((uintptr_t)1 << 63), (void *)UINTPTR_MAX};
    for (unsigned i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        outcome_t out = in_child(free_it, strange[i]);
        assert_false(exited_well(&out));
    }
}

static void
test_double_free_small(void **state) {
    (void)state;
    for (uint32_t szind = 0; szind < sc.nsmall; szind += 7) {
        void *keep = lunalloc_malloc(sc.size[szind]);
        void *ptr = lunalloc_malloc(sc.size[szind]);
        dies(free_twice, ptr, "free");
        lunalloc_free(ptr);
        lunalloc_free(keep);
    }
}

/* The pointer is named, so that it can be found in a debugger. */
static void
test_message_names_pointer(void **state) {
    (void)state;
    void *keep = lunalloc_malloc(96), *ptr = lunalloc_malloc(96);
    char address[32];
    snprintf(address, sizeof address, "0x%zx", (size_t)(uintptr_t)ptr);
    outcome_t out = in_child(free_twice, ptr);
    assert_misuse(&out, "double free");
    assert_non_null(strstr(out.text, address));
    lunalloc_free(ptr);
    lunalloc_free(keep);
}

static void
test_double_free_large(void **state) {
    (void)state;
    for (size_t size = sc.small_max + 1; size < (size_t)8 << 20; size *= 3) {
        void *ptr = lunalloc_malloc(size);
        dies(free_twice, ptr, "free");
        lunalloc_free(ptr);
    }
}

static void
test_interior_small(void **state) {
    (void)state;
    char *ptr = lunalloc_malloc(320);
    dies(free_and_flush, ptr + 8, "inside an object");
    dies(free_and_flush, ptr + 160, "inside an object");
    lunalloc_free(ptr);
}

/* Anywhere inside a large allocation: its first page, whose class caches know, a middle one, its last. */
static void
test_interior_large(void **state) {
    (void)state;
    const size_t sizes[] = {sc.small_max + 1, 28672, 100000, (size_t)3 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *ptr = lunalloc_malloc(sizes[i]);
        size_t usable = lunalloc_usable_size(ptr);
        const size_t offsets[] = {8, 64, 4096, usable / 2, usable - 64};
        for (unsigned k = 0; k < sizeof offsets / sizeof offsets[0]; k++) {
            dies(free_and_flush, ptr + offsets[k], "free");
        }
        dies(resize_it, ptr + usable - 64, "inside an allocation");
        lunalloc_free(ptr);
    }
}

/* After a large allocation was freed and its pages went, it is nobody's. */
static void
use_after_purge(void *ptr) {
    lunalloc_free(ptr);
    lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
    lunalloc_realloc(ptr, 10);
}

static void
test_realloc_of_freed(void **state) {
    (void)state;
    void *ptr = lunalloc_malloc(200000);
    dies(use_after_purge, ptr, "realloc");
    lunalloc_free(ptr);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign),           cmocka_unit_test(test_beyond_user_space),
        cmocka_unit_test(test_double_free_small), cmocka_unit_test(test_message_names_pointer),
        cmocka_unit_test(test_double_free_large), cmocka_unit_test(test_interior_small),
        cmocka_unit_test(test_interior_large),    cmocka_unit_test(test_realloc_of_freed),
    };
    return cmocka_run_group_tests_name("misuse", tests, boot_allocator, NULL);
}

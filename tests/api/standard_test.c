/*
 * standard_test.c -- the standard and traditional names, where this library defines them: they are the same
 * allocator.
 */
#include "../api/support.h"

#include <errno.h>
#include <malloc.h>

/* Absent where the standard names are the sanitizer's. */
#pragma weak free_sized
#pragma weak free_aligned_sized

static volatile size_t all = SIZE_MAX, odd = 48;

static void
require_replaced(void) {
    if (!config_replace) {
        print_message("skip: in this variant the standard names are the sanitizer's\n");
        skip();
    }
    assert_true(lunalloc_replaced());
}

static void
assert_ours(void *p, size_t alignment, size_t size) {
    lunalloc_location_t at;
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % alignment, 0);
    assert_int_equal(lunalloc_find(p, &at), 0);
    assert_true(at.allocated && at.region_addr == (uintptr_t)p && at.region_size >= size);
    assert_int_equal(malloc_usable_size(p), lunalloc_usable_size(p));
    memset(p, 1, malloc_usable_size(p));
}

static void
test_all_names(void **state) {
    (void)state;
    require_replaced();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 1; size < 200000; size += 1 + size / 3) {
        void *p;
        assert_ours(p = malloc(size), 8, size);
        assert_ours(p = realloc(p, size + 100), 8, size + 100);
        assert_ours(p = reallocarray(p, size, 2), 8, size * 2);
        free(p);
        assert_ours(p = calloc(size, 1), 8, size);
        free_sized(p, size);
        assert_ours(p = aligned_alloc(64, size), 64, size);
        free_aligned_sized(p, 64, size);
        assert_int_equal(posix_memalign(&p, 256, size), 0);
        assert_ours(p, 256, size);
        free(p);
        assert_ours(p = memalign(1024, size), 1024, size);
        free(p);
        assert_ours(p = valloc(size), page, size);
        free(p);
        assert_ours(p = pvalloc(size), page, (size + page - 1) / page * page);
        free(p);
    }
    assert_int_equal(malloc_usable_size(NULL), 0);
}

static void
test_pvalloc_edges(void **state) {
    (void)state;
    require_replaced();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *p = pvalloc(0);
    assert_ours(p, page, page);
    free(p);
    for (size_t less = 0; less < 2 * page; less += page - 1) {
        errno = 0;
        assert_null(pvalloc(all - less));
        assert_int_equal(errno, ENOMEM);
    }
    errno = 0;
    assert_null(valloc(all));
    assert_int_equal(errno, ENOMEM);
}

static void
test_errors(void **state) {
    (void)state;
    require_replaced();
    void *p = malloc(10), *out = p;
    errno = 0;
    assert_null(reallocarray(NULL, all, 2));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(calloc(all, 2));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(memalign(odd, 10));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(posix_memalign(&out, odd, 10), EINVAL);
    assert_ptr_equal(out, p);
    free(p);
}

/* What libc allocates for itself comes from here too, and goes back. */
static void
test_libc_inside(void **state) {
    (void)state;
    require_replaced();
    lunalloc_location_t at;
    char *copy = strdup("a line of text"), *line = NULL;
    assert_int_equal(lunalloc_find(copy, &at), 0);
    size_t size = 0;
    FILE *file = fmemopen(copy, strlen(copy), "r");
    assert_non_null(file);
    assert_true(getline(&line, &size, file) > 0);
    assert_string_equal(line, copy);
    assert_int_equal(lunalloc_find(line, &at), 0);
    fclose(file);
    free(line);
    free(copy);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_names),
        cmocka_unit_test(test_pvalloc_edges),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_libc_inside),
    };
    return cmocka_run_group_tests_name("standard", tests, boot_allocator, NULL);
}

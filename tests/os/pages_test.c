/* pages_test.c -- the contract of os/pages.h. */
#include "../base/bytes.h"
#include "../base/testing.h"

#include "base/bits.h"
#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MEGABYTE ((size_t)1 << 20)

static unsigned char *
map_filled(size_t size, int value) {
    unsigned char *pages = pages_map(size, pages_size());
    assert_non_null(pages);
    memset(pages, value, size);
    return pages;
}

static void
test_page_size(void **state) {
    (void)state;
    assert_int_equal(pages_size(), sysconf(_SC_PAGESIZE));
    assert_true(is_pow2(pages_size()));
}

static void
check_map(size_t size, size_t alignment) {
    unsigned char *pages = pages_map(size, alignment);
    assert_non_null(pages);
    assert_int_equal((uintptr_t)pages & (alignment - 1), 0);
    assert_true(all_bytes(pages, size, 0));
    memset(pages, 0xa5, size);
    assert_true(all_bytes(pages, size, 0xa5));
    pages_unmap(pages, size);
}

static void
test_map(void **state) {
    (void)state;
    for (size_t alignment = pages_size(); alignment <= 64 * MEGABYTE; alignment *= 4) {
        check_map(pages_size(), alignment);
        check_map(3 * pages_size(), alignment);
        check_map(MEGABYTE, alignment);
    }
}

/* Virtual memory of this process, in pages; no allocation on the way. */
static long
virtual_pages(void) {
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    return strtol(text, NULL, 10);
}

/* What is mapped only to find an aligned place goes back at once, what is unmapped goes back whole. An implementation
 * may keep a page of notes for each region. */
static void
test_nothing_left_behind(void **state) {
    (void)state;
    void *pages[8];
    long before = virtual_pages();
    for (unsigned i = 0; i < 8; i++) {
        pages[i] = pages_map(MEGABYTE + i * pages_size(), 32 * MEGABYTE);
        assert_non_null(pages[i]);
    }
    long expected = before + (long)(8 * MEGABYTE / pages_size() + 28);
    assert_in_range(virtual_pages(), expected, expected + 8);
    for (unsigned i = 0; i < 8; i++) {
        pages_unmap(pages[i], MEGABYTE + i * pages_size());
    }
    assert_int_equal(virtual_pages(), before);
}

static void
test_unmapped(void **state) {
    (void)state;
    unsigned char vector[16];
    size_t size = 16 * pages_size();
    unsigned char *pages = map_filled(size, 1);
    assert_int_equal(mincore(pages, size, vector), 0);
    pages_unmap(pages, size);
    errno = 0;
    assert_int_equal(mincore(pages, size, vector), -1);
    assert_int_equal(errno, ENOMEM);
}

static void
test_too_large(void **state) {
    (void)state;
    size_t page = pages_size();
    assert_null(pages_map((size_t)1 << 60, page));
    assert_null(pages_map((size_t)1 << 46, (size_t)1 << 46));
    assert_null(pages_map(MEGABYTE, (size_t)1 << 62));
    assert_null(pages_map((size_t)1 << 63, (size_t)1 << 63));
    assert_null(pages_map(SIZE_MAX - page + 1, 2 * MEGABYTE));
}

/* Only the pages named read as zeros, or none where this is refused; their neighbours keep their contents. */
static void
test_purge_forced(void **state) {
    (void)state;
    size_t page = pages_size();
    unsigned char *pages = map_filled(16 * page, 0x77);
    bool purged = pages_purge_forced(pages + 4 * page, 8 * page);
    assert_true(all_bytes(pages, 4 * page, 0x77));
    assert_true(all_bytes(pages + 4 * page, 8 * page, purged ? 0 : 0x77));
    assert_true(all_bytes(pages + 12 * page, 4 * page, 0x77));
    memset(pages, 0x33, 16 * page);
    assert_true(all_bytes(pages, 16 * page, 0x33));
    pages_unmap(pages, 16 * page);
}

static void
test_giving_memory_back(void **state) {
    (void)state;
    unsigned char vector[64];
    size_t size = 64 * pages_size();
    unsigned char *pages = map_filled(size, 1);
    assert_true(pages_purge_forced(pages, size) || pages_decommit(pages, size));
    assert_int_equal(mincore(pages, size, vector), 0);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(vector[i] & 1, 0);
    }
    pages_unmap(pages, size);
}

/* A page that was lazily purged holds its old contents or zeros, whole, until it is written. */
static void
test_purge_lazy(void **state) {
    (void)state;
    size_t page = pages_size();
    unsigned char *pages = map_filled(16 * page, 0x5a);
    if (pages_purge_lazy(pages, 16 * page)) {
        for (unsigned i = 0; i < 16; i++) {
            assert_true(all_bytes(pages + i * page, page, 0x5a) || all_bytes(pages + i * page, page, 0));
        }
    } else {
        assert_true(all_bytes(pages, 16 * page, 0x5a));
    }
    memset(pages, 0x66, 16 * page);
    assert_true(all_bytes(pages, 16 * page, 0x66));
    pages_unmap(pages, 16 * page);
}

/* Where decommitting is of use, commit undoes it, with zeros; where it is not, nothing happens. */
static void
test_decommit(void **state) {
    (void)state;
    size_t size = 4 * pages_size();
    unsigned char *pages = map_filled(size, 0x11);
    bool decommitted = pages_decommit(pages, size);
    assert_true(!decommitted || pages_commit(pages, size));
    assert_true(all_bytes(pages, size, decommitted ? 0 : 0x11));
    pages_unmap(pages, size);
}

/* Calls on what is mapped no more: they fail, where that does not end the process. */
static void
misuse_unmapped(char *pages, size_t page) {
    assert_false(pages_purge_lazy(pages, page));
    assert_false(pages_purge_forced(pages, page));
    pages_unmap(pages + 1, page);
}

/* Success or failure: the caller's errno stays. */
static void
test_errno(void **state) {
    (void)state;
    size_t page = pages_size();
    errno = EXDEV;
    void *pages = pages_map(4 * page, MEGABYTE);
    assert_null(pages_map((size_t)1 << 60, page));
    bool strict = pages_decommit(pages, page);
    assert_true(!strict || pages_commit(pages, page));
    pages_purge_lazy(pages, page);
    pages_purge_forced(pages, page);
    pages_unmap(pages, 4 * page);
    if (!strict) {
        misuse_unmapped(pages, page);
    }
    assert_int_equal(errno, EXDEV);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_size),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_nothing_left_behind),
        cmocka_unit_test(test_unmapped),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_purge_forced),
        cmocka_unit_test(test_giving_memory_back),
        cmocka_unit_test(test_purge_lazy),
        cmocka_unit_test(test_decommit),
        cmocka_unit_test(test_errno),
    };
    return cmocka_run_group_tests_name("os/pages", tests, NULL, NULL);
}

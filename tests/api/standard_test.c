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
#pragma weak __libc_valloc
#pragma weak __libc_pvalloc

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
    assert_int_equal(malloc_usable_size(p), page);
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
    assert_null(memalign(all, 10));
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

static void
test_memalign_rounds_up_as_glibc_does(void **state) {
    (void)state;
    require_replaced();
    static const struct {
        size_t asked, got;
    } cases[] = {{0, 16}, {1, 16}, {3, 16}, {16, 16}, {17, 32}, {24, 32}, {48, 64}, {100, 128}, {5000, 8192}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 0; size < 20000; size = size * 3 + 1) {
            void *p = memalign(cases[i].asked, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % cases[i].got, 0);
            assert_true(malloc_usable_size(p) >= size);
            free(p);
        }
    }
}

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *ptr);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);

/* Blocks pass between these and the standard names. */
static void
test_libc_names(void **state) {
    (void)state;
    require_replaced();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *p = __libc_malloc(100);
    assert_ours(p, 1, 100);
    p = realloc(p, 5000);
    p = __libc_realloc(p, 70000);
    assert_ours(p, 1, 70000);
    free(p);
    __libc_free(malloc(100));
    p = __libc_calloc(10, 100);
    assert_true(((char *)p)[999] == 0);
    assert_ours(p, 1, 1000);
    free(p);
    p = __libc_memalign(48, 10);
    assert_ours(p, 64, 10);
    free(p);
    p = __libc_valloc(10);
    assert_ours(p, page, 10);
    free(p);
    p = __libc_pvalloc(10);
    assert_ours(p, page, page);
    free(p);
}

static lunalloc_stats_t
all_stats(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats;
}

static void
test_malloc_trim_gives_back(void **state) {
    (void)state;
    require_replaced();
    lunalloc_stats_t before, after;
    char *volatile p = malloc((size_t)8 << 20);
    memset(p, 1, (size_t)8 << 20);
    free(p);
    before = all_stats();
    assert_true(before.dirty + before.muzzy >= (size_t)8 << 20);
    assert_int_equal(malloc_trim(0), 1);
    after = all_stats();
    assert_int_equal(after.dirty + after.muzzy, 0);
    assert_true(after.purged - before.purged >= (size_t)8 << 20);
    assert_int_equal(malloc_trim(1 << 20), 0);
}

static struct mallinfo
older_mallinfo(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return mallinfo();
#pragma GCC diagnostic pop
}

static void
test_mallinfo(void **state) {
    (void)state;
    require_replaced();
    assert_int_equal(lunalloc_ctl_set("arena.4096.muzzy_decay_ms", "-1", NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_set("arena.4096.dirty_decay_ms", "0", NULL, 0), 0);
    void *volatile muzzy = malloc((size_t)4 << 20);
    free(muzzy);
    struct mallinfo2 before = mallinfo2();
    size_t size = (size_t)10 << 20;
    void *volatile p = malloc(size);
    struct mallinfo2 during = mallinfo2();
    struct mallinfo small = older_mallinfo();
    lunalloc_stats_t stats = all_stats();
    void *volatile more = malloc((size_t)4 << 20);
    free(more);
    assert_true(all_stats().muzzy > 0);
    assert_int_equal(mallinfo2().arena, all_stats().active + all_stats().dirty + all_stats().muzzy);
    assert_int_equal(during.uordblks, stats.allocated);
    assert_int_equal(during.uordblks - before.uordblks, malloc_usable_size(p));
    assert_int_equal(during.arena, stats.active + stats.dirty + stats.muzzy);
    assert_int_equal(during.arena, during.uordblks + during.fordblks);
    assert_int_equal(during.fsmblks, stats.cached);
    assert_int_equal(small.uordblks, (int)during.uordblks);
    assert_int_equal(small.arena, (int)during.arena);
    free(p);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(after.uordblks, before.uordblks);
    assert_true(after.keepcost >= size);
}

/* More than an int holds. */
static void
test_mallinfo_beyond_int(void **state) {
    (void)state;
    require_replaced();
    void *p = malloc((size_t)3 << 30);
    if (p == NULL) {
        skip();
    }
    assert_true(mallinfo2().uordblks >= (size_t)3 << 30);
    assert_int_equal(older_mallinfo().uordblks, 0x7fffffff);
    free(p);
}

static void
test_malloc_info(void **state) {
    (void)state;
    require_replaced();
    char *text = NULL, line[64];
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    assert_non_null(stream);
    lunalloc_stats_t stats = all_stats();
    assert_int_equal(malloc_info(0, stream), 0);
    fclose(stream);
    assert_ptr_equal(strstr(text, "<malloc version=\"1\">\n<heap nr=\"0\">\n"), text);
    assert_string_equal(text + len - 10, "</malloc>\n");
    snprintf(line, sizeof line, "<total type=\"fast\" count=\"0\" size=\"%llu\"/>", (unsigned long long)stats.cached);
    assert_non_null(strstr(strstr(text, "</heap>\n<total"), line));
    free(text);
    errno = 0;
    assert_int_equal(malloc_info(1, stderr), -1);
    assert_int_equal(errno, EINVAL);
}

static void
print_malloc_stats(void *arg) {
    (void)arg;
    malloc_stats();
}

static void
test_malloc_stats(void **state) {
    (void)state;
    require_replaced();
    outcome_t out = in_child(print_malloc_stats, NULL);
    assert_child_well(&out);
    assert_non_null(strstr(out.text, "allocated"));
}

static void
test_mallopt(void **state) {
    (void)state;
    require_replaced();
    unsigned nauto = 0;
    size_t size = sizeof nauto;
    assert_int_equal(mallopt(M_ARENA_MAX, 3), 1);
    assert_int_equal(mallctl("arenas.nauto", &nauto, &size, NULL, 0), 0);
    assert_int_equal(nauto, 3);
    assert_int_equal(mallopt(M_ARENA_MAX, 0), 0);
    assert_int_equal(mallopt(M_PERTURB, 1), 1);
    unsigned char *volatile p = malloc(100);
    assert_int_equal(p[50], 0xa5);
    free(p);
    assert_int_equal(mallopt(M_PERTURB, 0), 1);
    assert_int_equal(mallopt(M_MMAP_THRESHOLD, 1 << 20), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_names),
        cmocka_unit_test(test_pvalloc_edges),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_libc_inside),
        cmocka_unit_test(test_memalign_rounds_up_as_glibc_does),
        cmocka_unit_test(test_libc_names),
        cmocka_unit_test(test_malloc_trim_gives_back),
        cmocka_unit_test(test_mallinfo),
        cmocka_unit_test(test_mallinfo_beyond_int),
        cmocka_unit_test(test_malloc_info),
        cmocka_unit_test(test_malloc_stats),
        cmocka_unit_test(test_mallopt),
    };
    return cmocka_run_group_tests_name("standard", tests, boot_allocator, NULL);
}

/*
 * growth_test.c -- retained growth: regions that grow geometrically, retain_grow_limit live, and few mappings however
 * much is mapped. Nothing is written to the memory: only addresses are used up.
 */
#include "pages.h"

#include "base/options.h"
#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>

#define MEGABYTE ((size_t)1 << 20)
#define GIGABYTE ((size_t)1 << 30)

static page_alloc_t pa;
static extent_t *extents[8192];
static unsigned nextents;
static size_t saved_limit;

static int
begin(void **state) {
    (void)state;
    saved_limit = atomic_get(&options.retain_grow_limit);
    nextents = 0;
    pages_begin(&pa, -1, 0);
    return 0;
}

static int
end(void **state) {
    (void)state;
    while (nextents > 0) {
        pa_dalloc(&pa, extents[--nextents]);
    }
    pages_end(&pa);
    atomic_set(&options.retain_grow_limit, saved_limit);
    return 0;
}

static void
need_series(void) {
    if (config_torture) {
        print_message("skip: torture builds have minimal regions\n");
        skip();
    }
}

/* Allocates a megabyte at a time until a region is new, and returns its size. */
static size_t
next_region(void) {
    size_t before = atomic_get(&pa.mapped);
    while (atomic_get(&pa.mapped) == before) {
        assert_in_range(nextents, 0, LENGTH(extents) - 1);
        extents[nextents] = alloc_pages(&pa, MEGABYTE / sc.page);
        assert_non_null(extents[nextents++]);
    }
    return atomic_get(&pa.mapped) - before;
}

/* The next regions have these sizes, in megabytes; 0 ends the list. */
static void
assert_regions(const size_t *megabytes) {
    for (; *megabytes != 0; megabytes++) {
        assert_int_equal(next_region(), *megabytes * MEGABYTE);
    }
}

static void
set_limit(size_t megabytes) {
    atomic_set(&options.retain_grow_limit, megabytes * MEGABYTE);
}

/* Doubling from one megabyte up to the limit's default. */
static void
test_retained_growth_series(void **state) {
    (void)state;
    need_series();
    set_limit(DEFAULT_RETAIN_GROW_LIMIT / MEGABYTE);
    assert_regions((const size_t[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 0});
}

/* Growth goes on where it stopped when the limit is raised, and a lower limit holds for the next region already. */
static void
test_retain_grow_limit_live(void **state) {
    (void)state;
    need_series();
    set_limit(4);
    assert_regions((const size_t[]){1, 2, 4, 4, 4, 0});
    set_limit(32);
    assert_regions((const size_t[]){4, 8, 16, 32, 32, 0});
    set_limit(2);
    assert_regions((const size_t[]){2, 2, 0});
    set_limit(64);
    assert_regions((const size_t[]){32, 64, 64, 0});
}

/* A limit that doubling does not meet is reached all the same. */
static void
test_retain_grow_limit_between_powers_of_two(void **state) {
    (void)state;
    need_series();
    set_limit(11);
    assert_regions((const size_t[]){1, 2, 4, 8, 11, 11, 0});
    set_limit(30);
    assert_regions((const size_t[]){11, 22, 30, 30, 0});
}

/* The same through the control's name, by which users change it. */
static void
test_retain_grow_limit_control(void **state) {
    (void)state;
    need_series();
    char message[256];
    assert_int_equal(lunalloc_ctl_set("arenas.retain_grow_limit", "2M", message, sizeof message), 0);
    assert_regions((const size_t[]){1, 2, 2, 0});
    assert_int_equal(lunalloc_ctl_set("arenas.retain_grow_limit", "8M", message, sizeof message), 0);
    assert_regions((const size_t[]){2, 4, 8, 8, 0});
    assert_int_equal(lunalloc_ctl_set("arenas.retain_grow_limit", "4095", message, sizeof message), EINVAL);
    assert_regions((const size_t[]){8, 0});
}

/* Mappings of this process, allocating none. */
static unsigned
count_mappings(void) {
    static char text[1 << 16];
    unsigned n = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY);
    while ((got = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            n += text[i] == '\n';
        }
    }
    close(fd);
    return n;
}

static void
need_addresses(size_t size) {
    void *probe = pages_map(size, sc.page);
    if (probe == NULL) {
        print_message("skip: the system has no %zu MiB of address space to give\n", size / MEGABYTE);
        skip();
    }
    pages_unmap(probe, size);
}

static void
test_retained_growth_fewer_than_40_mappings_at_4_gib(void **state) {
    (void)state;
    need_series();
    need_addresses(4 * GIGABYTE);
    set_limit(DEFAULT_RETAIN_GROW_LIMIT / MEGABYTE);
    unsigned before = count_mappings();
    while (atomic_get(&pa.mapped) < 4 * GIGABYTE) {
        next_region();
    }
    unsigned grown = count_mappings() - before;
    print_message("%zu MiB mapped: %zu regions, %u mappings more\n", atomic_get(&pa.mapped) / MEGABYTE,
                  atomic_get(&pa.nregions), grown);
    assert_in_range(atomic_get(&pa.nregions), 1, 39);
    if (!config_tsan) { /* whose own bookkeeping of so much memory takes mappings */
        assert_in_range(grown, 0, 39);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_retained_growth_series, begin, end),
        cmocka_unit_test_setup_teardown(test_retain_grow_limit_live, begin, end),
        cmocka_unit_test_setup_teardown(test_retain_grow_limit_between_powers_of_two, begin, end),
        cmocka_unit_test_setup_teardown(test_retain_grow_limit_control, begin, end),
        cmocka_unit_test_setup_teardown(test_retained_growth_fewer_than_40_mappings_at_4_gib, begin, end),
    };
    return cmocka_run_group_tests_name("extent/growth", tests, boot_allocator, NULL);
}

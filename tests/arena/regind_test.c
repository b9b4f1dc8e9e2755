/*
 * regind_test.c -- slab_regind finds the region of any address in a slab: each class of each configuration, each
 * region, each interior pointer; in slabs of the largest size that a class may be given, the edges of each region.
 *
 * The slabs are bare descriptors over addresses that no one touches. Beside the first address, one that is not a
 * multiple of anything but the page, and the last place below 2^47.
 */
#include "../base/configurations.h"

#include "arena/slab.h"

static extent_t
bare_slab(uint32_t szind, uintptr_t addr, size_t size) {
    return (extent_t){.addr = addr, .size = size, .szind = szind, .slab = true};
}

static void
check_address(const extent_t *slab, size_t offset, uint32_t index) {
    uint32_t got = slab_regind(slab, slab->addr + offset);
    expect(got == index, "index of the region", offset, got);
}

/* Region by region, so that nothing divides here either. */
static void
check_every_address(const extent_t *slab) {
    size_t size = sc.size[slab->szind];
    uint32_t index = 0;
    for (size_t start = 0; start < slab->size; start += size, index++) {
        for (size_t offset = start; offset < start + size && offset < slab->size; offset++) {
            check_address(slab, offset, index);
        }
    }
}

static void
check_edges(const extent_t *slab) {
    size_t size = sc.size[slab->szind];
    uint32_t nregs = sc_nregs(slab->szind, slab->size);
    for (uint32_t index = 0; index < nregs; index++) {
        check_address(slab, index * size, index);
        check_address(slab, index * size + 1, index);
        check_address(slab, index * size + size - 1, index);
    }
}

static void
body_default_slabs(void) {
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        size_t size = atomic_get(&sc.slab_size[szind]);
        extent_t first = bare_slab(szind, sc.page, size);
        extent_t last = bare_slab(szind, ((uintptr_t)1 << LG_VADDR) - size, size);
        check_every_address(&first);
        check_edges(&last);
    }
}

static void
test_slab_regind_each_class_region_and_interior_pointer(void **state) {
    (void)state;
    for_each_configuration(body_default_slabs);
}

/* Of the sizes that configuration allows. */
static size_t
largest_slab(uint32_t szind) {
    size_t size = DIV_MAX_N - sc.page;
    while (!sc_set_slab_size(szind, size)) {
        size -= sc.page;
    }
    return size;
}

static void
body_largest_slabs(void) {
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        extent_t slab = bare_slab(szind, ((uintptr_t)1 << 40) + 3 * sc.page, largest_slab(szind));
        check_edges(&slab);
    }
}

static void
test_slab_regind_in_largest_slabs(void **state) {
    (void)state;
    for_each_configuration(body_largest_slabs);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slab_regind_each_class_region_and_interior_pointer),
        cmocka_unit_test(test_slab_regind_in_largest_slabs),
    };
    return cmocka_run_group_tests_name("arena/regind", tests, boot_allocator, NULL);
}

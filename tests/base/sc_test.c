/*
 * sc_test.c -- size classes, slab sizes and page classes under every configuration, against lists that are written out
 * from the rule in sc.h.
 */
#include "configurations.h"

#include "base/bits.h"

/* Every size is tried up to here; beyond, those around each class. */
#define EVERY_SIZE 65536

/* Ascending sizes: linear from `step`, then four per doubling. */
typedef struct {
    size_t sizes[SC_MAX_SIZES];
    uint32_t count;
} list_of_sizes_t;

static void
add_size(list_of_sizes_t *list, size_t size) {
    expect(list->count < SC_MAX_SIZES, "too many sizes", size, list->count);
    list->sizes[list->count++] = size;
}

static void
add_groups(list_of_sizes_t *list, size_t step, size_t last) {
    for (size_t n = 1; n <= 4; n++) {
        add_size(list, n * step);
    }
    for (size_t base = 4 * step; base < last; base *= 2) {
        for (size_t n = 1; n <= 4 && base + n * (base / 4) <= last; n++) {
            add_size(list, base + n * (base / 4));
        }
    }
}

static void
expected_sizes(list_of_sizes_t *list) {
    size_t quantum = (size_t)1 << sc.config.lg_quantum;
    list->count = 0;
    for (size_t size = 8; size < quantum; size *= 2) {
        add_size(list, size);
    }
    add_groups(list, quantum, SC_LARGE_MAX);
}

static void
body_sizes(void) {
    list_of_sizes_t list;
    uint32_t nsmall = 0;
    expected_sizes(&list);
    expect(sc.nsizes == list.count, "number of sizes", list.count, sc.nsizes);
    for (uint32_t i = 0; i < list.count; i++) {
        expect(sc_size(i) == list.sizes[i], "size of a class", i, sc_size(i));
        nsmall += list.sizes[i] < 4 * sc.page;
        expect(sc_is_small(i) == (list.sizes[i] < 4 * sc.page), "small or large", i, sc_is_small(i));
    }
    expect(sc.nsmall == nsmall && nsmall < SC_MAX_SMALL, "number of small sizes", nsmall, sc.nsmall);
    expect(sc.small_max == list.sizes[nsmall - 1], "largest small size", nsmall, sc.small_max);
    expect(sc.page == (size_t)1 << sc.config.lg_page, "page", sc.config.lg_page, sc.page);
}

static void
test_size_classes_at_boot(void **state) {
    (void)state;
    for_each_configuration(body_sizes);
}

/* The class of a request is the smallest that holds it. */
static void
check_index(size_t size) {
    uint32_t computed = sc_index_compute(size);
    expect(computed < sc.nsizes, "index in range", size, computed);
    expect(sc_size(computed) >= size, "class holds the request", size, sc_size(computed));
    expect(computed == 0 || sc_size(computed - 1) < size, "class is the smallest", size, computed);
    expect(sc_index(size) == computed, "lookup agrees with computation", size, sc_index(size));
    expect(sc_round(size) == sc_size(computed), "rounding", size, sc_round(size));
}

static void
body_index(void) {
    for (size_t size = 0; size <= EVERY_SIZE; size++) {
        check_index(size);
    }
    for (uint32_t i = sc_index(EVERY_SIZE); i < sc.nsizes; i++) {
        check_index(sc_size(i) - 1);
        check_index(sc_size(i));
        if (i + 1 < sc.nsizes) {
            check_index(sc_size(i) + 1);
            check_index((sc_size(i) + sc_size(i + 1)) / 2);
        }
    }
}

static void
test_size_class_of_each_request(void **state) {
    (void)state;
    for_each_configuration(body_index);
}

static void
body_limits(void) {
    expect(sc_size(sc.nsizes - 1) == SC_LARGE_MAX, "largest class", SC_LARGE_MAX, sc_size(sc.nsizes - 1));
    expect(sc_round(SC_LARGE_MAX) == SC_LARGE_MAX, "largest request", SC_LARGE_MAX, sc_round(SC_LARGE_MAX));
    expect(sc_round(SC_LARGE_MAX + 1) == 0, "too large", SC_LARGE_MAX + 1, sc_round(SC_LARGE_MAX + 1));
    expect(sc_round(SIZE_MAX) == 0, "far too large", SIZE_MAX, sc_round(SIZE_MAX));
    expect(sc_index(0) == sc_index(1), "0 counts as 1", 0, sc_index(0));
}

static void
test_limits(void **state) {
    (void)state;
    for_each_configuration(body_limits);
}

static void
body_decompose(void) {
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        uint32_t lg_group = 64, lg_delta = 64, ndelta = UINT32_MAX;
        sc_decompose(i, &lg_group, &lg_delta, &ndelta);
        expect(lg_group < 47 && lg_delta <= lg_group, "logarithms", i, lg_group);
        expect(ndelta <= 4, "steps in a group", i, ndelta);
        size_t size = ((size_t)1 << (lg_group & 63)) + ((size_t)ndelta << (lg_delta & 63));
        expect(size == sc_size(i), "sum of the parts", i, size);
    }
}

static void
test_decompose(void **state) {
    (void)state;
    for_each_configuration(body_decompose);
}

/* With pages of 4 KiB at most 1/64 of a slab is left over; larger pages offer less choice, and leave at most 1/8. */
static void
check_slab(uint32_t i) {
    size_t slab = atomic_get(&sc.slab_size[i]);
    size_t nregs = sc_nregs(i, slab);
    size_t waste = slab - nregs * sc_size(i);
    expect(slab > 0 && slab % sc.page == 0, "slab is whole pages", i, slab);
    expect(nregs >= 1 && nregs <= sc.max_regs, "regions in a slab", i, nregs);
    expect(slab < DIV_MAX_N && sc_size(i) <= DIV_MAX_D, "within the divider's range", i, slab);
    expect(waste < sc_size(i), "waste below one region", i, waste);
    expect(waste * (sc.config.lg_page == 12 ? 64 : 8) <= slab, "waste", i, waste);
}

static void
body_slabs(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_slab(i);
        expect(sc.magic[i] == div_magic(sc_size(i)), "magic", i, sc.magic[i]);
    }
}

static void
test_slab_sizes_at_boot(void **state) {
    (void)state;
    for_each_configuration(body_slabs);
}

static void
check_set_slab_size(uint32_t i, size_t slab, bool valid) {
    size_t before = atomic_get(&sc.slab_size[i]);
    expect(sc_set_slab_size(i, slab) == valid, "slab size accepted or not", i, slab);
    size_t after = atomic_get(&sc.slab_size[i]);
    expect(after == (valid ? slab : before), "slab size afterwards", slab, after);
}

static void
body_set_slab_size(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        size_t least = align_up(sc_size(i), sc.page);
        size_t most = align_down(((size_t)sc.max_regs + 1) * sc_size(i) - 1, sc.page);
        most = most < DIV_MAX_N ? most : DIV_MAX_N - sc.page;
        check_set_slab_size(i, least, true);
        check_set_slab_size(i, most, true);
        check_set_slab_size(i, most + sc.page, false);
        check_set_slab_size(i, least + 1, false);
        check_set_slab_size(i, least + sc.page / 2, false);
        check_set_slab_size(i, least - sc.page, false);
        check_set_slab_size(i, 0, false);
        check_set_slab_size(i, SIZE_MAX - sc.page + 1, false);
    }
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_set_slab_size(i, sc_nearest_slab_size(i, 0), true);
        check_set_slab_size(i, sc_nearest_slab_size(i, SIZE_MAX), true);
    }
    expect(!sc_set_slab_size(sc.nsmall, 8 * sc.page), "large classes have no slabs", sc.nsmall, 0);
    expect(!sc_set_slab_size(UINT32_MAX, 8 * sc.page), "no such class", UINT32_MAX, 0);
}

static void
test_set_slab_size(void **state) {
    (void)state;
    for_each_configuration(body_set_slab_size);
}

/* Slabs serve alignments up to a page; what is larger is placed. */
static void
body_aligned(void) {
    size_t place = 0;
    for (size_t alignment = 1; alignment <= sc.page; alignment *= 2) {
        uint32_t i = sc_index_aligned(1, alignment, &place);
        expect(i == sc_index(alignment) && place == 1, "a small aligned size", alignment, i);
    }
    uint32_t i = sc_index_aligned(1, 2 * sc.page, &place);
    expect(i == sc.nsmall && place == 2 * sc.page, "an alignment of two pages", i, place);
    i = sc_index_aligned(sc.small_max, sc.page, &place);
    expect(sc_size(i) >= sc.small_max && sc_size(i) <= 2 * sc.small_max, "the largest small size", i, place);
    expect(sc_index_aligned(SC_LARGE_MAX + 1, 1, &place) == SC_NONE, "too large", SC_LARGE_MAX, 0);
    expect(sc_index_aligned(1, SC_LARGE_MAX * 2, &place) == SC_NONE, "too large an alignment", SC_LARGE_MAX, 0);
}

static void
test_index_aligned(void **state) {
    (void)state;
    for_each_configuration(body_aligned);
}

/* Places in a list of ascending sizes: the last that is <= n, the first that is >= n. */
static uint32_t
slow_floor(const list_of_sizes_t *list, size_t n) {
    uint32_t i = 0;
    while (i + 1 < list->count && list->sizes[i + 1] <= n) {
        i++;
    }
    return i;
}

static void
check_page_class(const list_of_sizes_t *list, size_t npages) {
    uint32_t below = slow_floor(list, npages);
    uint32_t above = list->sizes[below] == npages ? below : below + 1;
    expect(sc_page_class_floor(npages) == below, "page class, floor", npages, sc_page_class_floor(npages));
    expect(sc_page_class_npages(below) == list->sizes[below], "page class, size", below, sc_page_class_npages(below));
    expect(sc_page_class_ceil(npages) == above, "page class, ceiling", npages, sc_page_class_ceil(npages));
    expect(above < SC_NPAGE_CLASSES, "page class in range", npages, above);
}

static void
body_page_classes(void) {
    list_of_sizes_t list = {.count = 0};
    add_groups(&list, 1, (size_t)1 << (LG_VADDR - sc.config.lg_page));
    for (size_t npages = 1; npages <= 4096; npages++) {
        check_page_class(&list, npages);
    }
    for (uint32_t i = 20; i + 1 < list.count; i++) {
        check_page_class(&list, list.sizes[i] - 1);
        check_page_class(&list, list.sizes[i]);
        check_page_class(&list, list.sizes[i] + 1);
    }
}

static void
test_page_classes(void **state) {
    (void)state;
    for_each_configuration(body_page_classes);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_classes_at_boot),
        cmocka_unit_test(test_size_class_of_each_request),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_decompose),
        cmocka_unit_test(test_slab_sizes_at_boot),
        cmocka_unit_test(test_set_slab_size),
        cmocka_unit_test(test_index_aligned),
        cmocka_unit_test(test_page_classes),
    };
    return cmocka_run_group_tests_name("base/sc", tests, NULL, NULL);
}

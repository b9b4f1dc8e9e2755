/* mappings_test.c -- the borders that moves leave, against a model, and guards. */
#include "../base/testing.h"

#include "base/sc.h"
#include "extent/mappings.h"
#include "extent/pagemap.h"

enum {
    NPAGES = 4096,
    ROUNDS = 3000
};

/* Across the end of a leaf. */
static const uintptr_t base = ((uintptr_t)5 << LG_LEAF_SPAN) - ((uintptr_t)NPAGES / 2 << LG_GRANULE);
static bool model[2 * NPAGES + 1];

static uintptr_t
at(size_t page) {
    return base + (page << LG_GRANULE);
}

static size_t
bytes(size_t npages) {
    return npages << LG_GRANULE;
}

static size_t
model_count(void) {
    size_t n = 0;
    for (size_t i = 0; i <= 2 * NPAGES; i++) {
        n += model[i];
    }
    return n;
}

static void
model_clear(size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        model[i] = false;
    }
}

static void
model_moved(size_t from, size_t npages) {
    model_clear(from + 1, from + npages);
    model[from] = model[from + npages] = true;
}

static void
model_carried(size_t from, size_t to, size_t npages) {
    model_moved(to, npages);
    for (size_t i = 0; i < npages; i++) {
        model[to + i] = model[to + i] || model[from + i];
    }
}

static void
step(uint64_t *seed) {
    size_t npages = 1 + random_below(seed, random_below(seed, 4) == 0 ? 700 : 70);
    size_t from = random_below(seed, (uint32_t)(NPAGES - npages));
    switch (random_below(seed, 4)) {
    case 0:
    case 1:
        mappings_moved(at(from), bytes(npages));
        model_moved(from, npages);
        break;
    case 2:
        mappings_carried(at(from), at(from + NPAGES), bytes(npages));
        model_carried(from, from + NPAGES, npages);
        break;
    default:
        mappings_unmapped(at(from), bytes(npages));
        model_clear(from, from + npages);
        break;
    }
}

static void
test_borders_against_a_model(void **state) {
    (void)state;
    uint64_t seed = 1;
    assert_int_equal(mappings_borders(), 0);
    assert_true(pagemap_ensure(base, bytes(2 * NPAGES + 1)));
    for (unsigned i = 0; i < ROUNDS; i++) {
        step(&seed);
        if (mappings_borders() != model_count()) {
            fail_msg("round %u: %zu borders, not %zu", i, mappings_borders(), model_count());
        }
    }
    mappings_unmapped(base, bytes(2 * NPAGES + 1));
    assert_int_equal(mappings_borders(), 0);
}

/* As many as there may be; one region that goes makes room. */
static void
test_no_more_borders(void **state) {
    (void)state;
    uintptr_t far = base + ((uintptr_t)8 << LG_LEAF_SPAN);
    size_t each = bytes(2);
    assert_true(pagemap_ensure(far, MAPPINGS_BORDERS * each + 1));
    for (size_t i = 0; i < MAPPINGS_BORDERS; i += 2) {
        assert_true(mappings_may_move());
        mappings_moved(far + i * each, each);
    }
    assert_int_equal(mappings_borders(), MAPPINGS_BORDERS);
    assert_false(mappings_may_move());
    mappings_unmapped(far, each);
    assert_true(mappings_may_move());
    mappings_unmapped(far, MAPPINGS_BORDERS * each);
    assert_int_equal(mappings_borders(), 0);
}

static void
test_no_more_guards(void **state) {
    (void)state;
    size_t n = 0;
    while (mappings_add_guard()) {
        n++;
    }
    assert_int_equal(n, MAPPINGS_GUARDS);
    assert_false(mappings_has_guards());
    mappings_remove_guard();
    assert_true(mappings_has_guards());
    assert_true(mappings_add_guard());
    assert_false(mappings_add_guard());
    for (; n > 0; n--) {
        mappings_remove_guard();
    }
    assert_true(mappings_has_guards());
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borders_against_a_model),
        cmocka_unit_test(test_no_more_borders),
        cmocka_unit_test(test_no_more_guards),
    };
    return cmocka_run_group_tests_name("extent/mappings", tests, boot_allocator, NULL);
}

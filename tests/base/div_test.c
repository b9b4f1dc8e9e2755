/* div_test.c -- division by multiplication, for every offset that can occur and around every quotient that may. */
#include "configurations.h"

#include "base/div.h"

static void
check_divisor(uint64_t n, uint64_t d, uint64_t magic) {
    uint64_t quotient = div_by(n, magic);
    uint32_t same;
    bool divides = div_exactly(n, magic, &same);
    if (UNLIKELY(quotient != n / d || same != quotient || divides != (n % d == 0))) {
        expect(false, "quotient", n, quotient);
        expect(false, "divisor", d, magic);
    }
}

/* Interior offsets too: the index of a region must be right for any address within it. */
static void
body_offsets(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        uint64_t size = sc.size[i];
        uint32_t slab = atomic_get(&sc.slab_size[i]);
        for (uint64_t offset = 0; offset < slab; offset++) {
            check_divisor(offset, size, sc.magic[i]);
        }
    }
}

static void
test_every_offset_in_default_slabs(void **state) {
    (void)state;
    for_each_configuration(body_offsets);
}

/* The last and the first dividend of each quotient, which is where an approximation goes wrong first. */
static void
check_quotients(uint64_t d) {
    uint64_t magic = div_magic(d);
    for (uint64_t n = 0; n < DIV_MAX_N; n += d) {
        check_divisor(n, d, magic);
        check_divisor(n + d - 1 < DIV_MAX_N ? n + d - 1 : DIV_MAX_N - 1, d, magic);
    }
}

static void
body_largest_slabs(void) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_quotients(sc.size[i]);
    }
}

static void
test_quotients_in_largest_slabs(void **state) {
    (void)state;
    for_each_configuration(body_largest_slabs);
}

/* The documented range, whether it is used or not. */
static void
test_any_divisor(void **state) {
    (void)state;
    failure = (failure_t){.what = NULL};
    for (uint64_t d = 2; d <= 2048; d++) {
        check_quotients(d);
    }
    for (uint64_t d = 2049; d <= DIV_MAX_D; d += 61) {
        check_quotients(d);
    }
    for (uint64_t d = DIV_MAX_D - 100; d <= DIV_MAX_D; d++) {
        check_quotients(d);
    }
    assert_null(failure.what);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_offset_in_default_slabs),
        cmocka_unit_test(test_quotients_in_largest_slabs),
        cmocka_unit_test(test_any_divisor),
    };
    return cmocka_run_group_tests_name("base/div", tests, NULL, NULL);
}

/* allocated_test.c -- tests of observe/allocated.h. */
#include "observe/allocated.h"

#include "../api/support.h"

static void
set(stats_detail_t *detail, int64_t small, int64_t large) {
    *detail = (stats_detail_t){.arena.small.allocated = (uint64_t)small, .arena.large.allocated = (uint64_t)large};
}

static void
test_below_zero_comes_off_the_others(void **state) {
    (void)state;
    stats_detail_t arenas[3];
    set(&arenas[0], -30, 5);
    set(&arenas[1], 20, -5);
    set(&arenas[2], 100, 7);
    stats_share_allocated(arenas, 3);
    assert_int_equal(arenas[0].arena.allocated, 0);
    assert_int_equal(arenas[1].arena.allocated, 0);
    assert_int_equal(arenas[2].arena.allocated, 97);
}

/* What another process holds may be nonsense. */
static void
test_the_least_number_is_survived(void **state) {
    (void)state;
    stats_detail_t arenas[2];
    set(&arenas[0], INT64_MIN, 0);
    set(&arenas[1], INT64_MAX, 3);
    stats_share_allocated(arenas, 2);
    assert_int_equal(arenas[0].arena.allocated, 0);
    assert_int_equal(arenas[1].arena.small.allocated, 0);
    assert_int_equal(arenas[1].arena.allocated, 3);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_zero_comes_off_the_others),
        cmocka_unit_test(test_the_least_number_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

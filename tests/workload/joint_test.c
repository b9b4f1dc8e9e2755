/*
 * joint_test.c -- joint distributions: cells by their weights, and the size and the lifetime of a draw from one cell.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>

#include "workload/plan.h"

enum {
    CELLS = 200,
    DRAWS = 400000
};

static plan_t plan;
static char message[512];

/* Cell i: weight i + 1, sizes 1000 i + 1 .. 1000 i + 500, lifetimes exactly 10 i. */
static joint_t *
staircase(void) {
    joint_t *joint = joint_reserve(CELLS, &plan.region);
    assert_non_null(joint);
    for (unsigned i = 0; i < CELLS; i++) {
        char size[64], lifetime[64];
        snprintf(size, sizeof(size), "uniform(%u,%u)", 1000 * i + 1, 1000 * i + 500);
        snprintf(lifetime, sizeof(lifetime), "%u", 10 * i);
        joint->cells[i].weight = i + 1;
        assert_int_equal(dist_parse(&joint->cells[i].size, size, DIST_SIZE, &plan.region, message, sizeof(message)), 0);
        assert_int_equal(
            dist_parse(&joint->cells[i].lifetime, lifetime, DIST_LIFETIME, &plan.region, message, sizeof(message)), 0);
    }
    assert_int_equal(joint_finish(joint, &plan.region), 0);
    return joint;
}

/* 200 cells: chi-square has a mean of 199 and a deviation of 20. */
static void
test_cells_by_weight(void **state) {
    (void)state;
    static uint64_t seen[CELLS];
    plan_row_t row = {.joint = staircase()};
    prng_t prng;
    prng_seed(&prng, 4, 0);
    for (int n = 0; n < DRAWS; n++) {
        uint64_t cell = prng_next(&prng);
        uint64_t size = dist_draw(plan_row_size(&row, cell), prng_next(&prng));
        uint64_t lifetime = dist_draw(plan_row_lifetime(&row, cell), prng_next(&prng));
        assert_int_equal(size / 1000, lifetime / 10);
        seen[lifetime / 10]++;
    }
    double chi_square = 0;
    for (int i = 0; i < CELLS; i++) {
        double expected = (double)DRAWS * (i + 1) / (CELLS * (CELLS + 1) / 2);
        chi_square += pow((double)seen[i] - expected, 2) / expected;
    }
    assert_true(fabs(chi_square - (CELLS - 1)) < 4 * 20);
}

static void
test_means(void **state) {
    (void)state;
    double weight = 0, size = 0, product = 0;
    for (int i = 0; i < CELLS; i++) {
        weight += i + 1;
        size += (i + 1) * (1000 * i + 250.5);
        product += (i + 1) * (1000 * i + 250.5) * 10 * i;
    }
    joint_t *joint = staircase();
    assert_true(fabs(joint_mean_size(joint) / (size / weight) - 1) < 1e-9);
    assert_true(fabs(joint_mean_product(joint) / (product / weight) - 1) < 1e-9);
}

/* A row without one: its own distributions. */
static void
test_apart(void **state) {
    (void)state;
    plan_row_t row = {.size = {.kind = DIST_FIXED, .least = 7}, .lifetime = {.kind = DIST_FIXED, .least = 9}};
    assert_int_equal(dist_draw(plan_row_size(&row, 1), 2), 7);
    assert_int_equal(dist_draw(plan_row_lifetime(&row, 1), 2), 9);
}

static int
free_plan(void **state) {
    (void)state;
    plan_free(&plan);
    return 0;
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_by_weight),
        cmocka_unit_test(test_means),
        cmocka_unit_test(test_apart),
    };
    return cmocka_run_group_tests_name("workload/joint", tests, NULL, free_plan);
}

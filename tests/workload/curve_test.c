/*
 * curve_test.c -- rates and scales that follow a curve: the values, and that a run follows them.
 */
#include <math.h>
#include <stdlib.h>

#include "runs.h"

static const uint64_t second = 1000000000;

static void
assert_value(const curve_t *curve, double seconds, double expected) {
    double value = curve_value(curve, (uint64_t)(seconds * 1e9));
    if (fabs(value - expected) > 1e-6 * (1 + fabs(expected))) {
        fail_msg("at %g s: %g, not %g", seconds, value, expected);
    }
}

static void
test_lines(void **state) {
    (void)state;
    curve_t curve = {.kind = CURVE_LINES, .npoints = 3, .points = {{second, 10}, {3 * second, 30}, {4 * second, 0}}};
    assert_value(&curve, 0, 10);
    assert_value(&curve, 1, 10);
    assert_value(&curve, 1.5, 15);
    assert_value(&curve, 3, 30);
    assert_value(&curve, 3.75, 7.5);
    assert_value(&curve, 1000, 0);
}

static void
test_steps(void **state) {
    (void)state;
    curve_t curve = {.kind = CURVE_STEPS, .npoints = 2, .points = {{0, 5}, {second, 50}}};
    assert_value(&curve, 0, 5);
    assert_value(&curve, 0.999, 5);
    assert_value(&curve, 1, 50);
    assert_value(&curve, 100, 50);
    curve.period = 2 * second; /* "square" */
    assert_value(&curve, 2.5, 5);
    assert_value(&curve, 3.5, 50);
    assert_value(&curve, 1000.5, 5);
}

static void
test_sine(void **state) {
    (void)state;
    curve_t curve = {.kind = CURVE_SINE, .npoints = 2, .period = 4 * second, .points = {{0, 100}, {0, 50}}};
    assert_value(&curve, 0, 100);
    assert_value(&curve, 1, 150);
    assert_value(&curve, 3, 50);
    assert_value(&curve, 4.5, 100 + 50 * sqrt(0.5));
    curve.points[1].value = 500;
    assert_value(&curve, 3, 0);
}

/* ---- in a run ---- */

static const heap_t heap = {.name = "plain", .malloc = malloc, .free = free};

/* Each worker is in its pause when the rate returns: it goes on then, not when the pause would have been over. */
static void
test_pause_ends(void **state) {
    (void)state;
    curve_t rate = {.kind = CURVE_STEPS, .npoints = 2, .points = {{0, 0}, {second / 20, 1e9}}, .text = "steps"};
    describe(2, 20000, "64", "10");
    plan.rate_curve = &rate;
    plan.rate = -1;
    run(&heap);
    assert_int_equal(result.total.ops, 20000);
    assert_true(result.total.seconds >= 0.04);
    assert_true(result.total.rate == 1e9);
}

/* A scale that doubles and stays: blocks live twice as long. */
static void
test_scale_follows(void **state) {
    (void)state;
    curve_t scale = {.kind = CURVE_LINES, .npoints = 2, .points = {{0, 1}, {second / 50, 2}}, .text = "ramp(1,2,20ms)"};
    describe(1, 0, "100", "300");
    plan.scale_curve = &scale;
    plan.scale = -1;
    engine_t *engine = start(&heap);
    engine_status_t status;
    do {
        engine_wait(engine, 1000000);
        engine_status(engine, &status);
    } while (status.scale < 2 || status.live_blocks < 600);
    timeline_entry_t entry;
    assert_int_equal(engine_timeline(engine, 0, &entry, 1), 1);
    assert_string_equal(entry.mark, "scale = ramp(1,2,20ms)");
    engine_destroy(engine);
}

/* Live: a sine begins at its mean when it is set, and goes on. */
static void
test_change_to_a_curve(void **state) {
    (void)state;
    curve_t rate = {.kind = CURVE_SINE, .npoints = 2, .period = second / 25, .points = {{0, 50000}, {0, 40000}}};
    plan_phase_t change = {.scale = -1, .rate = -1, .rate_curve = &rate};
    describe(1, 0, "64", "10");
    plan.rate = 1000;
    engine_t *engine = start(&heap);
    assert_int_equal(engine_change(engine, &change, message, sizeof(message)), 0);
    rate.kind = CURVE_NONE; /* the run has a copy */
    bool above = false, below = false;
    while (!above || !below) {
        engine_status_t status;
        engine_wait(engine, 1000000);
        engine_status(engine, &status);
        assert_true(status.rate >= 9999 && status.rate <= 90001);
        above = above || status.rate > 70000;
        below = below || status.rate < 30000;
    }
    change = (plan_phase_t){.scale = -1, .rate = 1000};
    assert_int_equal(engine_change(engine, &change, message, sizeof(message)), 0);
    engine_wait(engine, 30000000);
    engine_status_t status;
    engine_status(engine, &status);
    assert_true(status.rate == 1000); /* a number ends a curve */
    engine_destroy(engine);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_steps),
        cmocka_unit_test(test_sine),          cmocka_unit_test(test_pause_ends),
        cmocka_unit_test(test_scale_follows), cmocka_unit_test(test_change_to_a_curve),
    };
    return cmocka_run_group_tests_name("workload/curve", tests, NULL, free_plan);
}

/*
 * decay_test.c -- the curve against one that is computed in floating point over cohorts of pages, each with the step in
 * which it became free. Times are made up.
 */
#include "../base/testing.h"

#include "extent/decay.h"

#include <math.h>

#define MS      UINT64_C(1000000)
#define START   (UINT64_C(5000) * MS)
#define COHORTS 4096

static double
smoothstep(double x) {
    return x <= 0 ? 0 : x * x * x * (x * (6 * x - 15) + 10);
}

/* What may stay of n pages that are `age` whole steps old. */
static double
may_stay(size_t n, uint64_t age) {
    return (double)n * smoothstep(1 - (double)(age + 1) / DECAY_STEPS);
}

/* Fixed point costs at most a millionth of all pages, and the fraction of one. */
static void
assert_near(size_t limit, double expected, size_t npages) {
    if (fabs((double)limit - expected) > 1 + (double)npages / 1e6) {
        fail_msg("limit %zu, expected %.3f of %zu", limit, expected, npages);
    }
}

/* ---- single cohorts ---- */

static void
check_curve(int64_t ms, size_t npages) {
    decay_t decay;
    decay_init(&decay, ms, START);
    assert_false(decay_advance(&decay, START, npages));
    size_t last = npages;
    for (uint64_t step = 0; step <= DECAY_STEPS + 3; step++) {
        assert_int_equal(decay_advance(&decay, START + step * decay.interval, npages), step > 0);
        size_t limit = decay_limit(&decay);
        assert_near(limit, may_stay(npages, step), npages);
        assert_true(limit <= last);
        last = limit;
    }
    assert_int_equal(last, 0);
}

static void
test_decay_smoothstep(void **state) {
    (void)state;
    check_curve(1, 1000);
    check_curve(200, 1);
    check_curve(200, 12345);
    check_curve(10000, (size_t)1 << 34);
    check_curve(DECAY_MS_MAX, 1000);
}

static void
test_half_way(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, 100000);
    decay_advance(&decay, START + 500 * MS, 100000);
    assert_in_range(decay_limit(&decay), 49000, 50000);
}

/* What is away for longer than the whole time has none left, however long it was. */
static void
test_long_gap(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, 500);
    assert_true(decay_advance(&decay, START + UINT64_C(1000000000) * MS, 500));
    assert_int_equal(decay_limit(&decay), 0);
}

static void
test_never_and_at_once(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, -1, START);
    decay_advance(&decay, START + 1000 * MS, 77);
    assert_true(decay_limit(&decay) == SIZE_MAX);
    assert_true(decay_deadline(&decay) == UINT64_MAX);
    decay_init(&decay, 0, START);
    decay_advance(&decay, START, 77);
    assert_int_equal(decay_limit(&decay), 0);
    assert_true(decay_deadline(&decay) == UINT64_MAX);
}

static void
test_steps(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 200, START);
    assert_int_equal(decay_deadline(&decay), START + MS);
    assert_false(decay_advance(&decay, START + MS - 1, 10));
    assert_int_equal(decay_deadline(&decay), START + MS);
    assert_true(decay_advance(&decay, START + MS, 10));
    assert_int_equal(decay_deadline(&decay), START + 2 * MS);
    assert_true(decay_advance(&decay, START + 4 * MS + MS / 2, 10));
    assert_int_equal(decay_deadline(&decay), START + 5 * MS);
    assert_false(decay_advance(&decay, START, 10));
    assert_int_equal(decay_deadline(&decay), START + 5 * MS);
}

/* ---- many cohorts ---- */

typedef struct {
    uint64_t step;
    size_t npages;
} cohort_t;

/* Cohorts from the oldest to the youngest: pages that became free and were not reused, purged or not. */
typedef struct {
    cohort_t cohorts[COHORTS];
    unsigned n;
    uint64_t step;
    size_t npages; /* free now */
} model_t;

static void
model_add(model_t *model, size_t npages) {
    assert_true(model->n < COHORTS);
    model->cohorts[model->n++] = (cohort_t){model->step, npages};
    model->npages += npages;
}

static void
model_reuse(model_t *model, size_t npages) {
    model->npages -= npages;
    for (unsigned i = model->n; i-- > 0 && npages > 0;) {
        size_t here = model->cohorts[i].npages < npages ? model->cohorts[i].npages : npages;
        model->cohorts[i].npages -= here;
        npages -= here;
    }
}

static double
model_limit(const model_t *model) {
    double sum = 0;
    for (unsigned i = 0; i < model->n; i++) {
        sum += may_stay(model->cohorts[i].npages, model->step - model->cohorts[i].step);
    }
    return sum;
}

static void
assert_model(const decay_t *decay, const model_t *model) {
    assert_near(decay_limit(decay), model_limit(model), 1000 * DECAY_STEPS);
}

static void
change_pages(decay_t *decay, model_t *model, uint64_t now, uint64_t *seed) {
    if (random_below(seed, 2) == 0) {
        model_add(model, random_below(seed, 1000));
    } else {
        model_reuse(model, model->npages == 0 ? 0 : random_below(seed, (unsigned)model->npages));
    }
    assert_false(decay_advance(decay, now, model->npages));
    assert_model(decay, model);
}

/* Purges down to the limit, as the page layer does: the curve goes on from where it is. */
static void
purge(decay_t *decay, model_t *model) {
    size_t limit = decay_limit(decay);
    if (model->npages > limit) {
        decay_purged(decay, model->npages - limit);
        model->npages = limit;
        assert_model(decay, model);
    }
}

static void
test_decay_backlog_against_model(void **state) {
    (void)state;
    static model_t model;
    decay_t decay;
    uint64_t seed = 1, now = START;
    memset(&model, 0, sizeof model);
    decay_init(&decay, 2000, START);
    for (unsigned i = 0; i < 3000; i++) {
        change_pages(&decay, &model, now, &seed);
        uint64_t steps = random_below(&seed, 10) == 0 ? random_below(&seed, 30) : random_below(&seed, 3);
        now += steps * decay.interval;
        model.step += steps;
        assert_int_equal(decay_advance(&decay, now, model.npages), steps > 0);
        assert_model(&decay, &model);
        if (random_below(&seed, 3) == 0) {
            purge(&decay, &model);
        }
    }
    assert_true(model.n > 1000);
}

/* Two cohorts of 1000 pages, one 100 steps older than the other, of which 500 pages go. */
static void
two_cohorts(decay_t *decay) {
    decay_init(decay, 200, START);
    decay_advance(decay, START, 1000);
    decay_advance(decay, START + 100 * MS, 1000);
    decay_advance(decay, START + 100 * MS, 2000);
}

static void
test_reuse_takes_the_youngest(void **state) {
    (void)state;
    decay_t decay;
    two_cohorts(&decay);
    decay_advance(&decay, START + 100 * MS, 1500);
    assert_near(decay_limit(&decay), may_stay(1000, 100) + may_stay(500, 0), 2000);
}

/* What the curve took is taken once: the pages left are not cut down again from a new beginning. */
static void
test_purging_keeps_the_curve(void **state) {
    (void)state;
    decay_t decay;
    size_t npages = 100000;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, npages);
    for (uint64_t step = 1; step <= DECAY_STEPS; step++) {
        decay_advance(&decay, START + step * decay.interval, npages);
        assert_near(decay_limit(&decay), may_stay(100000, step), 100000);
        size_t left = decay_limit(&decay) < npages ? decay_limit(&decay) : npages;
        decay_purged(&decay, npages - left);
        npages = left;
    }
    assert_int_equal(npages, 0);
}

static void
test_purging_keeps_the_young(void **state) {
    (void)state;
    decay_t decay;
    two_cohorts(&decay);
    size_t left = decay_limit(&decay);
    decay_purged(&decay, decay.last - left);
    decay_advance(&decay, START + 200 * MS, left);
    assert_near(decay_limit(&decay), may_stay(1000, 100), 2000);
}

/* Pages that become free after a time without events are as young as any: they must not be purged at first sight. */
static void
test_pages_after_quiet_time_are_young(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, 0);
    assert_true(decay_advance(&decay, START + 60000 * MS, 1000));
    assert_in_range(decay_limit(&decay), 990, 1000);
    decay_advance(&decay, START + 60500 * MS, 1000);
    assert_in_range(decay_limit(&decay), 480, 510);
}

/* Other threads go on while one purges: what they free meanwhile is there, young, at the next step. */
static void
test_pages_that_come_while_purging(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, 1000);
    decay_purged(&decay, 400);
    decay_advance(&decay, START, 600 + 3000);
    assert_in_range(decay_limit(&decay), 3990, 4000);
}

/* ---- changes of time ---- */

/* 1000 pages of each age, 0, 20, 40 ... 180 steps, at a decay time of 1 s. */
static uint64_t
ages(decay_t *decay) {
    uint64_t now = START;
    decay_init(decay, 1000, now);
    for (size_t npages = 1000; npages <= 10000; npages += 1000) {
        decay_advance(decay, now, npages - 1000);
        decay_advance(decay, now, npages);
        now += npages < 10000 ? 100 * MS : 0;
    }
    return now;
}

/* What may stay of ages(), 0, 100 ... 900 ms, if each were so many ms less. */
static double
curve_of_ages(int64_t ms, uint64_t less) {
    double sum = 0;
    for (unsigned age_ms = 0; age_ms < 1000; age_ms += 100) {
        uint64_t age = age_ms > less ? age_ms - less : 0;
        sum += may_stay(1000, age * DECAY_STEPS / (uint64_t)ms);
    }
    return sum;
}

/* The ages stay while the time becomes `ms`: exactly, or less by up to the step of 5 ms in which a page came. */
static void
check_change(int64_t ms) {
    decay_t decay;
    uint64_t now = ages(&decay);
    decay_set(&decay, ms, now, 10000);
    double limit = (double)decay_limit(&decay);
    assert_true(limit >= curve_of_ages(ms, 0) - 1 && limit <= curve_of_ages(ms, 5) + 1);
    decay_advance(&decay, now + (uint64_t)ms * MS, 10000);
    assert_int_equal(decay_limit(&decay), 0);
}

static void
test_change_keeps_ages(void **state) {
    (void)state;
    static const int64_t times[] = {1, 50, 100, 200, 500, 1000, 2000, 5000, 100000};
    for (unsigned i = 0; i < LENGTH(times); i++) {
        check_change(times[i]);
    }
}

/* A longer time never purges more. */
static void
test_longer_time_keeps_more(void **state) {
    (void)state;
    decay_t decay;
    uint64_t now = ages(&decay);
    size_t last = decay_limit(&decay);
    for (int64_t ms = 1000; ms < 1000000; ms = ms * 3 / 2) {
        decay_set(&decay, ms, now, 10000);
        assert_true(decay_limit(&decay) + 1 >= last);
        last = decay_limit(&decay);
    }
    assert_in_range(last, 9900, 10000);
}

static void
test_change_from_and_to_never(void **state) {
    (void)state;
    decay_t decay;
    uint64_t now = ages(&decay);
    decay_set(&decay, -1, now, 10000);
    assert_true(decay_limit(&decay) == SIZE_MAX);
    decay_set(&decay, 500, now + 5000 * MS, 12000);
    assert_in_range(decay_limit(&decay), 11990, 12000);
    decay_advance(&decay, now + 5500 * MS, 12000);
    assert_int_equal(decay_limit(&decay), 0);
}

static void
test_change_from_and_to_at_once(void **state) {
    (void)state;
    decay_t decay;
    uint64_t now = ages(&decay);
    decay_set(&decay, 0, now, 10000);
    assert_int_equal(decay_limit(&decay), 0);
    decay_purged(&decay, 10000);
    decay_set(&decay, 1000, now, 0);
    decay_advance(&decay, now, 300);
    assert_in_range(decay_limit(&decay), 299, 300);
}

/* Setting the time again and again, faster than a step lasts, must not stop decay. */
static void
test_repeated_change_lets_time_pass(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, START);
    decay_advance(&decay, START, 1000);
    for (uint64_t now = START; now <= START + 1000 * MS; now += MS) {
        decay_set(&decay, 1000, now, 1000);
    }
    assert_in_range(decay_limit(&decay), 0, 10);
}

/* The first step after which so many pages are too many: there they are, and just before they are not. */
static void
test_due(void **state) {
    (void)state;
    const size_t npages = 100000, least[] = {1, 1000, 50000, 99999, 100000};
    decay_t decay;
    decay_init(&decay, 10 * DECAY_STEPS, 0);
    decay_advance(&decay, 0, npages);
    for (unsigned i = 0; i < sizeof least / sizeof least[0]; i++) {
        uint64_t due = decay_due(&decay, least[i]);
        decay_t at = decay, before = decay;
        decay_advance(&at, due, npages);
        decay_advance(&before, due - 1, npages);
        assert_true(decay_limit(&at) <= npages - least[i]);
        assert_true(decay_limit(&before) > npages - least[i]);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay_smoothstep),
        cmocka_unit_test(test_half_way),
        cmocka_unit_test(test_long_gap),
        cmocka_unit_test(test_never_and_at_once),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_decay_backlog_against_model),
        cmocka_unit_test(test_reuse_takes_the_youngest),
        cmocka_unit_test(test_purging_keeps_the_curve),
        cmocka_unit_test(test_purging_keeps_the_young),
        cmocka_unit_test(test_pages_after_quiet_time_are_young),
        cmocka_unit_test(test_pages_that_come_while_purging),
        cmocka_unit_test(test_change_keeps_ages),
        cmocka_unit_test(test_longer_time_keeps_more),
        cmocka_unit_test(test_change_from_and_to_never),
        cmocka_unit_test(test_change_from_and_to_at_once),
        cmocka_unit_test(test_repeated_change_lets_time_pass),
        cmocka_unit_test(test_due),
    };
    return cmocka_run_group_tests_name("extent/decay", tests, NULL, NULL);
}

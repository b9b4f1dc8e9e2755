/*
 * decay_history_test.c -- the curve over random histories: pages come, are used again and purged at any time, and the
 * decay time changes, often several times within a step. The model knows for each page when it came. Times are made
 * up.
 */
#include "../base/testing.h"

#include "extent/decay.h"

#include <math.h>

#define MS         UINT64_C(1000000)
#define COHORTS    8192
#define HISTORIES  60
#define OPERATIONS 800

typedef struct {
    uint64_t came_at;
    size_t npages;
} cohort_t;

typedef struct {
    decay_t decay;
    cohort_t cohorts[COHORTS]; /* oldest first; not reduced by purging, because the curve is over what came */
    unsigned n;
    uint64_t now;
    uint64_t seed;
    size_t npages;
    unsigned nchanges, npurges;
} world_t;

static world_t world;

static double
smoothstep(double x) {
    return x <= 0 ? 0 : x * x * x * (x * (6 * x - 15) + 10);
}

/* What the curve of the present time allows, if all pages were `steps` steps older than they are. */
static double
allowed(double steps) {
    double sum = 0;
    for (unsigned i = 0; i < world.n; i++) {
        double age = (double)((world.now - world.cohorts[i].came_at) / world.decay.interval);
        sum += (double)world.cohorts[i].npages * smoothstep(1 - (age + 1 + steps) / DECAY_STEPS);
    }
    return sum;
}

/* Pages whose whole time is over, but for a step, are due, and stay so whatever time is set later. */
static void
forget_due(void) {
    unsigned kept = 0;
    for (unsigned i = 0; i < world.n; i++) {
        uint64_t age = (world.now - world.cohorts[i].came_at) / world.decay.interval;
        if (world.decay.ms < 0 || age + 2 < DECAY_STEPS) {
            world.cohorts[kept++] = world.cohorts[i];
        }
    }
    world.n = kept;
}

/*
 * Never below the curve, but for the step in which a page came, which counts as a whole one. (And a millionth of all
 * pages, which is the arithmetic's, and half a page.)
 */
static void
check_limit(const char *after) {
    forget_due();
    size_t limit = decay_limit(&world.decay);
    double least = world.decay.ms < 0 ? 0 : allowed(1) - 1 - (double)world.npages / 1e6;
    if (world.decay.ms != 0 && (double)limit < least) {
        fail_msg("after %s: limit %zu, but the curve of %lld ms allows %.2f", after, limit, (long long)world.decay.ms,
                 least);
    }
}

static void
come(void) {
    size_t n = random_below(&world.seed, 2000);
    assert_true(world.n < COHORTS);
    world.cohorts[world.n++] = (cohort_t){world.now, n};
    world.npages += n;
    decay_advance(&world.decay, world.now, world.npages);
    check_limit("pages came");
}

/* The youngest are used again. */
static void
go(void) {
    size_t n = world.npages == 0 ? 0 : random_below(&world.seed, (unsigned)world.npages);
    world.npages -= n;
    decay_advance(&world.decay, world.now, world.npages);
    for (unsigned i = world.n; i-- > 0 && n > 0;) {
        size_t here = world.cohorts[i].npages < n ? world.cohorts[i].npages : n;
        world.cohorts[i].npages -= here;
        n -= here;
    }
    check_limit("pages went");
}

static void
purge(void) {
    decay_advance(&world.decay, world.now, world.npages);
    size_t limit = decay_limit(&world.decay);
    if (limit < world.npages) {
        decay_purged(&world.decay, world.npages - limit);
        world.npages = limit;
        world.npurges++;
    }
    check_limit("purging");
}

static void
pass(void) {
    uint64_t most = world.decay.ms > 0 ? world.decay.interval * (random_below(&world.seed, 8) == 0 ? 50 : 3) : MS;
    world.now += random_next(&world.seed) % most;
    decay_advance(&world.decay, world.now, world.npages);
    check_limit("waiting");
}

/* Without ages (never, at once) what is there counts as young. */
static void
forget_ages(void) {
    world.n = 1;
    world.cohorts[0] = (cohort_t){world.now, world.npages};
}

static void
change(void) {
    static const int64_t times[] = {1, 7, 100, 101, 999, 1000, 1001, 5000, 10000, 1000000, -1, 0};
    int64_t old = world.decay.ms;
    int64_t ms = times[random_below(&world.seed, LENGTH(times))];
    decay_set(&world.decay, ms, world.now, world.npages);
    assert_int_equal(world.decay.ms, ms);
    if (old <= 0 && ms != old) {
        forget_ages();
    }
    world.nchanges++;
    check_limit("a change of time");
}

static void
step(void) {
    static void (*const operations[])(void) = {come, come, go, purge, pass, pass, pass};
    if (random_below(&world.seed, 10) == 0) {
        change();
    } else {
        operations[random_below(&world.seed, LENGTH(operations))]();
    }
}

/* However it came to be as it is: when nothing changes any more, all is gone after the whole time, and a step. */
static void
check_end(void) {
    if (world.decay.ms > 0) {
        uint64_t whole = world.decay.interval * DECAY_STEPS;
        decay_advance(&world.decay, world.now + whole + world.decay.interval, world.npages);
        assert_int_equal(decay_limit(&world.decay), 0);
    }
}

static void
test_decay_backlog_remapped_never_purges_more_than_the_new_curve(void **state) {
    (void)state;
    unsigned nchanges = 0, npurges = 0;
    for (unsigned history = 1; history <= HISTORIES; history++) {
        memset(&world, 0, sizeof world);
        world.seed = history;
        world.now = 5000 * MS;
        decay_init(&world.decay, 1000, world.now);
        for (unsigned i = 0; i < OPERATIONS; i++) {
            step();
        }
        check_end();
        nchanges += world.nchanges;
        npurges += world.npurges;
    }
    assert_true(nchanges > HISTORIES * OPERATIONS / 20);
    assert_true(npurges > HISTORIES * OPERATIONS / 100);
}

/* A page that came just before the end of a long step is not old when the steps become short. */
static void
test_no_burst_from_a_long_step(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000000, 0);
    decay_advance(&decay, decay.interval - MS, 1000);
    decay_advance(&decay, decay.interval + MS, 1000);
    decay_set(&decay, 1000, 5001 * MS, 1000);
    assert_in_range(decay_limit(&decay), 990, 1000);
}

/* Long and short steps by turns, changed near the end of each, do not make pages older than they are. */
static void
test_alternation_does_not_age(void **state) {
    (void)state;
    decay_t decay;
    uint64_t now = 5000 * MS;
    decay_init(&decay, 1000, now);
    decay_advance(&decay, now, 1000);
    for (unsigned i = 0; i < 5; i++) {
        now += 5 * MS - MS / 10;
        decay_set(&decay, 100000, now, 1000);
        now += 12 * MS;
        decay_set(&decay, 1000, now, 1000);
    }
    assert_int_equal(now / MS, 5084);
    assert_true((double)decay_limit(&decay) >= 1000 * smoothstep(1 - 19.0 / DECAY_STEPS) - 1);
}

/* ---- when the next pages are due ---- */

/* The first step at which so many have to go, found by trying one after the other. */
static uint64_t
due_by_trying(const decay_t *decay, size_t least) {
    size_t enough = least < decay->last ? least : decay->last;
    for (unsigned steps = 1; steps <= DECAY_STEPS; steps++) {
        decay_t later = *decay;
        uint64_t then = decay->epoch + steps * decay->interval;
        decay_advance(&later, then, decay->last);
        size_t limit = decay_limit(&later);
        if (later.last >= limit && later.last - limit >= enough) {
            return then;
        }
    }
    return UINT64_MAX;
}

static void
test_due_is_the_first_step_with_enough(void **state) {
    (void)state;
    static const size_t leasts[] = {1, 16, 100, 100000};
    memset(&world, 0, sizeof world);
    world.seed = 99;
    decay_init(&world.decay, 1000, 0);
    for (unsigned i = 0; i < 400; i++) {
        step();
        for (unsigned k = 0; k < LENGTH(leasts) && world.decay.ms > 0 && world.decay.last > 0; k++) {
            assert_int_equal(decay_due(&world.decay, leasts[k]), due_by_trying(&world.decay, leasts[k]));
        }
    }
}

static void
test_due_is_never_without_pages_or_time(void **state) {
    (void)state;
    decay_t decay;
    decay_init(&decay, 1000, 0);
    assert_true(decay_due(&decay, 16) == UINT64_MAX);
    decay_init(&decay, -1, 0);
    decay_advance(&decay, 0, 1000);
    assert_true(decay_due(&decay, 16) == UINT64_MAX);
    decay_init(&decay, 0, 0);
    decay_advance(&decay, 0, 1000);
    assert_true(decay_due(&decay, 16) == UINT64_MAX);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay_backlog_remapped_never_purges_more_than_the_new_curve),
        cmocka_unit_test(test_no_burst_from_a_long_step),
        cmocka_unit_test(test_alternation_does_not_age),
        cmocka_unit_test(test_due_is_the_first_step_with_enough),
        cmocka_unit_test(test_due_is_never_without_pages_or_time),
    };
    return cmocka_run_group_tests_name("extent/decay_history", tests, NULL, NULL);
}

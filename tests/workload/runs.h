/*
 * runs.h -- describes a small plan and runs it, for the tests of whole runs.
 */
#ifndef TESTS_WORKLOAD_RUNS_H
#define TESTS_WORKLOAD_RUNS_H

#include "cmocka_all.h"

#include <string.h>

#include "workload/engine.h"

static const uint64_t forever = 60000000000; /* ns; only against hanging */

/* ---- plans ---- */

static plan_t plan;
static char message[512];

static inline plan_row_t
row_of(const char *size, const char *lifetime) {
    plan_row_t row = {.weight = 1, .freer = PLAN_ANY_OTHER, .touch = 1, .writes = 1, .resizes = 1};
    memset(row.on, 0xff, sizeof(row.on));
    assert_int_equal(dist_parse(&row.size, size, DIST_SIZE, &plan.region, message, sizeof(message)), 0);
    assert_int_equal(dist_parse(&row.lifetime, lifetime, DIST_LIFETIME, &plan.region, message, sizeof(message)), 0);
    return row;
}

/* A plan of one row, to be adjusted before finish(). */
static inline void
describe(uint32_t threads, uint64_t ops, const char *size, const char *lifetime) {
    plan_free(&plan);
    memset(&plan, 0, sizeof(plan));
    plan.threads = threads;
    plan.seed = 1;
    plan.scale = 1;
    plan.ops = ops;
    plan.verify = true;
    plan.sample = 4;
    plan.live_max = (uint64_t)1 << 40;
    plan.interval = 10000000;
    assert_true(plan_reserve(&plan, 1, 2));
    plan.nphases = 0;
    plan.rows[0] = row_of(size, lifetime);
}

static inline engine_t *
start(const heap_t *heap) {
    if (!plan_finish(&plan, message, sizeof(message))) {
        fail_msg("%s", message);
    }
    engine_t *engine = engine_start(&plan, heap, message, sizeof(message));
    if (engine == NULL) {
        fail_msg("%s", message);
    }
    return engine;
}

static engine_result_t result;

static inline void
run(const heap_t *heap) {
    engine_t *engine = start(heap);
    assert_true(engine_wait(engine, forever));
    assert_true(engine_result(engine, &result));
    engine_destroy(engine);
}

static inline int
free_plan(void **state) {
    (void)state;
    plan_free(&plan);
    return 0;
}

#endif

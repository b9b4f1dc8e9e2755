/*
 * bench-engine.c [OPS] -- the program of scripts/bench-engine: runs workloads on an allocator that does nothing, so
 * that the engine's own cost remains. Prints a line for each: name; then ns of processor time an operation, of its
 * preparation, of the readings of the clock, and of the rest of its execution; and those of a malloc and a free of that
 * allocator.
 *
 * An operation is an allocation and, later, a free. The blocks are not written: that is the workload, not the engine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/null_heap.h"
#include "workload/engine.h"

static _Noreturn void
fail(const char *message) {
    fprintf(stderr, "bench-engine: %s\n", message);
    exit(1);
}

/* ns that this process has used. Unlike the time of day, it does not count what other processes use. */
static uint64_t
processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static plan_t
plan_of(const char *const (*rows)[2], size_t n, uint64_t ops) {
    char message[512];
    plan_t plan = {
        .threads = 1, .seed = 1, .ops = ops, .sample = 16, .live_max = UINT64_MAX / 2, .interval = 1000000000};
    if (!plan_reserve(&plan, n, 0)) {
        fail("no memory");
    }
    for (size_t i = 0; i < n; i++) {
        plan_row_t *row = &plan.rows[i];
        *row = (plan_row_t){.weight = 1, .freer = PLAN_ANY_OTHER, .resizes = 1};
        memset(row->on, 0xff, sizeof(row->on));
        if (dist_parse(&row->size, rows[i][0], DIST_SIZE, &plan.region, message, sizeof(message)) != 0 ||
            dist_parse(&row->lifetime, rows[i][1], DIST_LIFETIME, &plan.region, message, sizeof(message)) != 0) {
            fail(message);
        }
    }
    if (!plan_finish(&plan, message, sizeof(message))) {
        fail(message);
    }
    return plan;
}

/* ns of a malloc and a free of the null allocator, through pointers as the engine calls them. */
static double
pair(uint64_t ops) {
    const heap_t *volatile shown = &null_heap; /* so that the calls are made */
    uint64_t start = processor_time();
    for (uint64_t i = 0; i < ops; i++) {
        shown->free(shown->malloc(64));
    }
    return (double)(processor_time() - start) / (double)ops;
}

/* Prints the line of a workload. The engine's times are by the time of day, so they are shares of the processor time:
 * what other processes use is in all of them. */
static void
run(const char *name, const char *const (*rows)[2], size_t n, uint64_t ops) {
    static engine_result_t result;
    char message[512];
    plan_t plan = plan_of(rows, n, ops);
    uint64_t before = processor_time();
    engine_t *engine = engine_start(&plan, &null_heap, message, sizeof(message));
    if (engine == NULL) {
        fail(message);
    }
    engine_wait(engine, UINT64_MAX / 4);
    uint64_t spent = processor_time() - before;
    engine_result(engine, &result);
    engine_destroy(engine);
    plan_free(&plan);
    double prepared = result.total.preparing, clocked = result.total.clocking, executed = result.total.executing;
    double factor = (double)spent / (double)ops / (prepared + clocked + executed);
    printf("%s %.2f %.2f %.2f %.2f\n", name, prepared * factor, clocked * factor, executed * factor, pair(ops));
}

int
main(int argc, char **argv) {
    uint64_t ops = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    static const char *const fixed[][2] = {{"64", "fifo(100)"}};
    static const char *const drawn[][2] = {{"exp(100)", "exp(1000)"}};
    static const char *const mixed[][2] = {
        {"lognormal(64,1.2,4096)", "exp(1000)"}, {"lognormal(256,1,16K)", "fifo(5000)"}, {"uniform(64,1K)", "exp(50)"}};
    run("fixed", fixed, 1, ops);
    run("drawn", drawn, 1, ops);
    run("mixed", mixed, 3, ops);
    return 0;
}

/*
 * chunk_test.c -- operations are prepared some at a time and then executed: that changes neither what is requested nor
 * what is counted, and long calls make it fewer at a time.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runs.h"
#include "workload/chunk.h"

/* ---- a heap that numbers its blocks, and adds each call to a hash ---- */

enum {
    HEAD = 16 /* bytes before a block, with its number */
};

static uint64_t sequence, ncalls, nfailed, nothing; /* nothing: calls with a NULL that is no block */
static uint64_t fail_each, slow_each;               /* one call in so many; 0: none */

static void
note(call_t kind, uint64_t size, uint64_t number) {
    sequence = prng_mix(prng_mix(sequence ^ size) ^ number << 8 ^ (uint64_t)kind);
}

static bool
each(uint64_t n) {
    return n != 0 && ncalls % n == 0;
}

static void *
allocate(call_t kind, size_t size) {
    ncalls++;
    note(kind, size, ncalls);
    if (each(slow_each)) {
        usleep(1000);
    }
    if (each(fail_each)) {
        nfailed++;
        return NULL;
    }
    char *raw = calloc(1, HEAD + size);
    memcpy(raw, &ncalls, sizeof(ncalls));
    return raw + HEAD;
}

static uint64_t
number_of(void *ptr) {
    uint64_t number = 0;
    nothing += ptr == NULL;
    if (ptr != NULL) {
        memcpy(&number, (char *)ptr - HEAD, sizeof(number));
    }
    return number;
}

static void *
noting_malloc(size_t size) {
    return allocate(CALL_MALLOC, size);
}

static void *
noting_calloc(size_t count, size_t size) {
    return allocate(CALL_CALLOC, count * size);
}

static void *
noting_realloc(void *ptr, size_t size) {
    note(CALL_REALLOC, size, number_of(ptr));
    return ptr == NULL ? NULL : (char *)realloc((char *)ptr - HEAD, HEAD + size) + HEAD;
}

static void
noting_free(void *ptr) {
    note(CALL_FREE, 0, number_of(ptr));
    free(ptr == NULL ? NULL : (char *)ptr - HEAD);
}

static void
noting_free_sized(void *ptr, size_t align, size_t size) {
    (void)align;
    note(CALL_FREE_SIZED, size, number_of(ptr));
    free(ptr == NULL ? NULL : (char *)ptr - HEAD);
}

static const sized_free_t noting_sized = {"noting", noting_free_sized};

static heap_t
noting_heap(void) {
    sequence = ncalls = nfailed = nothing = 0;
    return (heap_t){.name = "noting",
                    .malloc = noting_malloc,
                    .calloc = noting_calloc,
                    .realloc = noting_realloc,
                    .free = noting_free,
                    .sized = &noting_sized};
}

/* Rows of every kind, in one thread. */
static void
describe_all(uint32_t sample) {
    describe(1, 20000, "1", "1");
    plan.sample = sample;
    assert_true(plan_reserve(&plan, 4, 0));
    plan.rows[0] = row_of("exp(200)", "exp(100)");
    plan.rows[0].zeroed = plan_share(0.5);
    plan.rows[1] = row_of("uniform(1,1000)", "fifo(100)");
    plan.rows[1].resized = plan_share(0.5);
    plan.rows[1].resizes = 3;
    plan.rows[1].grow = 1.5;
    plan.rows[2] = row_of("100", "uniform(0,300)");
    plan.rows[2].batch = 7;
    plan.rows[2].order = PLAN_RANDOM;
    plan.rows[3] = row_of("lognormal(64,1.2)", "exp(50)");
    plan.rows[3].sized = plan_share(0.5);
    plan.rows[3].resized = plan_share(0.5);
}

/* ---- requests ---- */

static uint64_t
sequence_of(uint32_t sample, bool verify, uint64_t fail, uint64_t slow) {
    heap_t heap = noting_heap();
    fail_each = fail;
    slow_each = slow;
    describe_all(sample);
    plan.verify = verify;
    run(&heap);
    fail_each = slow_each = 0;
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.live_bytes, 0);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(result.total.ops, 20000);
    assert_int_equal(result.total.failures, nfailed);
    assert_int_equal(nothing, 0);
    assert_int_equal(result.total.calls[CALL_MALLOC] + result.total.calls[CALL_CALLOC], 20000);
    assert_int_equal(result.total.calls[CALL_FREE] + result.total.calls[CALL_FREE_SIZED], 20000 - nfailed);
    return sequence;
}

/* Slow calls make chunks shorter. The sequence stays, also that of batches that are timed, and of blocks that fail. */
static void
test_requests_do_not_depend_on_chunks(void **state) {
    (void)state;
    static const uint32_t samples[] = {1, 4, 1 << 29};
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        for (int verify = 0; verify <= 1; verify++) {
            uint64_t all = sequence_of(samples[i], verify != 0, 0, 0);
            assert_int_equal(sequence_of(samples[i], verify != 0, 0, 300), all);
            uint64_t some = sequence_of(samples[i], verify != 0, 17, 0);
            assert_int_equal(sequence_of(samples[i], verify != 0, 17, 300), some);
            assert_int_not_equal(all, some);
        }
    }
}

/* Each of 1000 live blocks is resized in each operation: a chunk has not room for as many actions. */
static void
test_more_actions_than_room(void **state) {
    (void)state;
    heap_t heap = noting_heap();
    describe(1, 2000, "16", "1000");
    plan.verify = false;
    plan.rows[0].writes = 0;
    plan.rows[0].resized = plan_share(1);
    plan.rows[0].resizes = 1000 - 1;
    plan.rows[0].grow = 1;
    run(&heap);
    assert_int_equal(result.total.calls[CALL_REALLOC], 1000 * 999 + 1000 * 999 / 2);
    assert_int_equal(result.total.calls[CALL_FREE], 2000);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(nothing, 0);
}

/* The one resize of a life is in its middle: the blocks of the last 50 operations had none. */
static void
test_resizes_in_the_middle(void **state) {
    (void)state;
    heap_t heap = noting_heap();
    describe(1, 140, "16", "100");
    plan.rows[0].resized = plan_share(1);
    run(&heap);
    assert_int_equal(result.total.calls[CALL_REALLOC], 140 - 50);
}

/* A block that was never there is not kept, else the engine would grow for as long as the heap fails. */
static void
test_failed_blocks_are_forgotten(void **state) {
    (void)state;
    heap_t heap = noting_heap();
    describe(1, 200000, "64", "forever");
    fail_each = 1;
    engine_t *engine = start(&heap);
    assert_true(engine_wait(engine, forever));
    fail_each = 0;
    timeline_entry_t entry;
    size_t n, nmarks;
    engine_timeline_size(engine, &n, &nmarks);
    assert_int_equal(engine_timeline(engine, n - 2, &entry, 1), 1);
    assert_in_range(entry.engine, 1, 256 << 10);
    assert_true(engine_result(engine, &result));
    assert_int_equal(result.total.failures, 200000);
    assert_int_equal(result.total.calls[CALL_FREE], 0);
    engine_destroy(engine);
}

/* ---- short chunks ---- */

static engine_t *_Atomic running;
static uint64_t stop_at, calls_after;
static bool slow;

/* Stops the run at one of its calls; the later ones are counted. */
static void *
stopping_malloc(size_t size) {
    ncalls++;
    if (slow) {
        usleep(1000);
    }
    calls_after += ncalls > stop_at;
    if (ncalls == stop_at) {
        while (running == NULL) {
            usleep(100);
        }
        engine_stop(running);
    }
    return malloc(size);
}

static uint64_t
calls_after_stop(const char *size, uint64_t at, bool is_slow) {
    heap_t heap = {.name = "stopping", .malloc = stopping_malloc, .free = free};
    ncalls = calls_after = 0;
    stop_at = at;
    slow = is_slow;
    running = NULL;
    describe(1, 0, size, "10");
    plan.verify = false;
    plan.rows[0].writes = 0;
    plan.sample = 1 << 29;
    engine_t *engine = start(&heap);
    running = engine;
    assert_true(engine_wait(engine, forever));
    engine_destroy(engine);
    return calls_after;
}

static void
test_stop_waits_for_one_chunk_only(void **state) {
    (void)state;
    assert_in_range(calls_after_stop("64", 100000, false), 0, CHUNK_OPERATIONS);
    assert_int_equal(calls_after_stop("64", 50, true), 0); /* each takes longer than a chunk should */
    assert_int_equal(calls_after_stop("1M", 5000, false), 0);
}

/* ---- times ---- */

/* A closed loop stands still while the engine prepares; an open one goes on. */
static void
test_own_time(void **state) {
    (void)state;
    heap_t heap = noting_heap();
    describe(1, 100000, "exp(100)", "exp(100)");
    plan.sample = 4;
    run(&heap);
    const engine_status_t *total = &result.total;
    assert_true(total->preparing > 0 && total->executing > 0 && total->clocking > 0);
    assert_true(total->preparing + total->executing + total->clocking <= total->seconds);
    assert_true(total->ops_per_s > 1.001 * (double)total->ops / total->seconds);
    describe(1, 100, "64", "10");
    plan.rate = 10000;
    run(&heap);
    assert_true(total->preparing == 0 && total->clocking == 0);
    assert_true(total->executing > 0 && total->executing < total->seconds);
    assert_true(total->ops_per_s == (double)total->ops / total->seconds);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_do_not_depend_on_chunks),
        cmocka_unit_test(test_more_actions_than_room),
        cmocka_unit_test(test_resizes_in_the_middle),
        cmocka_unit_test(test_failed_blocks_are_forgotten),
        cmocka_unit_test(test_stop_waits_for_one_chunk_only),
        cmocka_unit_test(test_own_time),
    };
    return cmocka_run_group_tests_name("workload/chunk", tests, NULL, free_plan);
}

/*
 * verify_test.c -- verification finds the faults of allocators that misbehave on purpose, and none in one that does
 * not.
 */
#include <string.h>

#include "runs.h"

/* A heap that never reuses memory, with the size before each block. */
static unsigned char pool[8 << 20] __attribute__((aligned(64)));
static size_t pool_used;
static size_t gap = 16;   /* bytes between a block's end and the next block's head; less than 0 is an overlap */
static size_t shift;      /* added to each address */
static size_t lost;       /* bytes that realloc forgets at the end */
static size_t fail_every; /* this many requests, one gives NULL */
static size_t nrequests;

static void *
pool_malloc(size_t size) {
    size_t need = (sizeof(size_t) + size + gap + 15) & ~(size_t)15;
    if ((fail_every != 0 && ++nrequests % fail_every == 0) || pool_used + need > sizeof(pool)) {
        return NULL;
    }
    unsigned char *head = pool + pool_used + 16;
    pool_used += need;
    memcpy(head - sizeof(size), &size, sizeof(size));
    return head + shift;
}

static void *
pool_calloc(size_t n, size_t size) {
    return pool_malloc(n * size); /* the pool is zero from the start, unless a test soils it */
}

static void *
pool_realloc(void *old, size_t size) {
    size_t old_size;
    unsigned char *fresh = pool_malloc(size);
    memcpy(&old_size, (unsigned char *)old - shift - sizeof(old_size), sizeof(old_size));
    size_t keep = old_size < size ? old_size : size;
    if (fresh != NULL) {
        memcpy(fresh, old, keep > lost ? keep - lost : 0);
    }
    return fresh;
}

static void
pool_free(void *ptr) {
    (void)ptr;
}

static heap_t
pool_heap(void) {
    memset(pool, 0, sizeof(pool));
    pool_used = shift = lost = fail_every = nrequests = 0;
    gap = 16;
    return (heap_t){
        .name = "pool", .malloc = pool_malloc, .calloc = pool_calloc, .realloc = pool_realloc, .free = pool_free};
}

static void
expect_fault(const heap_t *heap, fault_kind_t kind) {
    run(heap);
    assert_true(result.total.errors > 0);
    assert_int_equal(result.fault.kind, kind);
    assert_int_equal(result.fault.row, 0);
    assert_int_equal(result.fault.thread, 0);
}

static void
test_good_pool(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    describe(1, 5000, "uniform(16,200)", "20");
    plan.rows[0].zeroed = plan_share(0.5);
    plan.rows[0].resized = plan_share(0.5);
    run(&heap);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.fault.kind, FAULT_NONE);
    assert_int_equal(result.total.failures, 0);
}

static void
test_overlap_is_found(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    gap = (size_t)-32;
    describe(1, 1000, "64", "10");
    expect_fault(&heap, FAULT_CONTENTS);
    assert_int_equal(result.fault.size, 64);
}

/* Only the edges of the blocks are written: an overlap of the edges is found all the same. */
static void
test_overlap_is_found_untouched(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    gap = (size_t)-16;
    describe(1, 1000, "56", "10");
    plan.rows[0].touch = 0.2;
    expect_fault(&heap, FAULT_CONTENTS);
}

static void
test_dirty_calloc_is_found(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    memset(pool, 7, sizeof(pool));
    describe(1, 100, "100", "10");
    plan.rows[0].zeroed = plan_share(1);
    expect_fault(&heap, FAULT_NOT_ZERO);
    assert_int_equal(result.fault.found, 7);
    assert_int_equal(result.fault.offset, 0);
}

static void
test_lossy_realloc_is_found(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    lost = 1;
    describe(1, 1000, "uniform(16,200)", "10");
    plan.rows[0].resized = plan_share(1);
    expect_fault(&heap, FAULT_REALLOC);
}

static void
test_misalignment_is_found(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    shift = 8;
    describe(1, 100, "64", "10");
    expect_fault(&heap, FAULT_ALIGNMENT);
    assert_int_equal(result.fault.offset, 16);
    assert_int_equal(result.total.errors, 100);
}

/* Each size has the alignment of the largest object that fits, up to 16. */
static void
test_alignment_that_is_due(void **state) {
    (void)state;
    static const struct {
        size_t shift;
        const char *size;
        size_t due; /* 0: it is aligned enough */
    } cases[] = {{8, "16", 16}, {8, "15", 0}, {4, "8", 8}, {4, "7", 0},
                 {2, "4", 4},   {2, "3", 0},  {1, "2", 2}, {1, "1", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        heap_t heap = pool_heap();
        shift = cases[i].shift;
        describe(1, 10, cases[i].size, "3");
        run(&heap);
        assert_int_equal(result.total.errors, cases[i].due == 0 ? 0 : 10);
        assert_int_equal(result.fault.offset, cases[i].due);
    }
}

/* What is 8-byte aligned will do for 8 bytes. */
static void
test_small_alignment_is_enough(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    shift = 8;
    describe(1, 100, "8", "10");
    run(&heap);
    assert_int_equal(result.total.errors, 0);
}

static void
test_failures_are_counted(void **state) {
    (void)state;
    heap_t heap = pool_heap();
    fail_every = 3;
    describe(1, 3000, "64", "10");
    run(&heap);
    assert_int_equal(result.total.failures, 1000);
    assert_int_equal(result.total.ops, 3000);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.live_blocks, 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_pool),
        cmocka_unit_test(test_overlap_is_found),
        cmocka_unit_test(test_overlap_is_found_untouched),
        cmocka_unit_test(test_dirty_calloc_is_found),
        cmocka_unit_test(test_lossy_realloc_is_found),
        cmocka_unit_test(test_misalignment_is_found),
        cmocka_unit_test(test_alignment_that_is_due),
        cmocka_unit_test(test_small_alignment_is_enough),
        cmocka_unit_test(test_failures_are_counted),
    };
    return cmocka_run_group_tests_name("workload/verify", tests, NULL, free_plan);
}

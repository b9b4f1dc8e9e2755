/*
 * burst_test.c -- how blocks are freed: in bursts, in which order, and with their size.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "runs.h"

/* ---- a heap that numbers its blocks, and writes down in which order they are freed ---- */

enum {
    MOST = 1 << 16,
    HEAD = 64 /* bytes before a block, with its number, size and alignment */
};

typedef struct {
    size_t number, size, align;
} head_t;

static size_t nallocated, nfreed, nwrong, nsized;
static size_t freed[MOST];        /* the number of the block */
static size_t allocated_by[MOST]; /* how many were allocated at that free */

static void *
numbering_aligned(size_t align, size_t size) {
    size_t before = align < HEAD ? HEAD : align;
    char *raw = aligned_alloc(before, before + (size + before - 1) / before * before);
    char *ptr = raw + before;
    *(head_t *)(void *)(ptr - HEAD) = (head_t){.number = nallocated++, .size = size, .align = align};
    return ptr;
}

static void *
numbering_malloc(size_t size) {
    return numbering_aligned(0, size);
}

static void
numbering_free(void *ptr) {
    head_t *head = (head_t *)(void *)((char *)ptr - HEAD);
    freed[nfreed] = head->number;
    allocated_by[nfreed++] = nallocated;
    free((char *)ptr - (head->align < HEAD ? HEAD : head->align));
}

static void
numbering_free_sized(void *ptr, size_t align, size_t size) {
    const head_t *head = (const head_t *)(const void *)((char *)ptr - HEAD);
    nwrong += head->size != size || head->align != align;
    nsized++;
    numbering_free(ptr);
}

static const sized_free_t numbering_sized = {"numbering", numbering_free_sized};

static heap_t
numbering_heap(void) {
    nallocated = nfreed = nwrong = nsized = 0;
    return (heap_t){.name = "numbering",
                    .malloc = numbering_malloc,
                    .aligned_alloc = numbering_aligned,
                    .free = numbering_free,
                    .sized = &numbering_sized};
}

/* ---- bursts ---- */

/* One thread, blocks that end in the order of their allocation. */
static void
run_bursts(uint32_t batch, plan_order_t order) {
    heap_t heap = numbering_heap();
    describe(1, 1000, "100", "fifo(5)");
    plan.rows[0].batch = batch;
    plan.rows[0].order = order;
    plan.sample = 1 << 30; /* a batch of timed calls would delay frees */
    run(&heap);
    assert_int_equal(nfreed, 1000);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(result.total.errors, 0);
}

/* Each burst frees ten blocks between two allocations, while those before live. */
static void
test_bursts(void **state) {
    (void)state;
    run_bursts(10, PLAN_FORWARD);
    for (size_t i = 0; i < 990; i++) {
        assert_int_equal(freed[i], i);
        assert_int_equal(allocated_by[i], i / 10 * 10 + 15); /* the burst's last one ends at the 5th after it */
    }
}

static void
test_reversed(void **state) {
    (void)state;
    run_bursts(10, PLAN_REVERSED);
    for (size_t i = 0; i < 990; i++) {
        assert_int_equal(freed[i], i / 10 * 10 + 9 - i % 10);
    }
}

/* A permutation of each burst, not the same one for all, and the same in each run. */
static void
test_random(void **state) {
    (void)state;
    static size_t before[990];
    size_t moved = 0, differing = 0;
    run_bursts(10, PLAN_RANDOM);
    for (size_t burst = 0; burst < 99; burst++) {
        uint32_t seen = 0;
        for (size_t i = 0; i < 10; i++) {
            size_t block = freed[burst * 10 + i];
            assert_int_equal(block / 10, burst);
            seen |= 1u << block % 10;
            moved += block % 10 != i;
            differing += block % 10 != freed[i];
        }
        assert_int_equal(seen, 1023);
    }
    assert_in_range(moved, 990 * 0.85, 990 * 0.95);
    assert_in_range(differing, 990 * 0.8, 990 * 0.95);
    memcpy(before, freed, sizeof(before));
    run_bursts(10, PLAN_RANDOM);
    assert_memory_equal(before, freed, sizeof(before));
}

/* Half a burst waits on average: 99.5 blocks of 100 bytes in each of two threads. */
static void
test_expected(void **state) {
    (void)state;
    describe(2, 10, "100", "fifo(5)");
    plan.rows[0].batch = 200;
    assert_true(plan_finish(&plan, message, sizeof(message)));
    assert_true(plan.expected == 2 * (5 + 99.5) * 100);
}

/* A burst may be for another thread; above live_max blocks do not wait. */
static void
test_bursts_for_others(void **state) {
    (void)state;
    heap_t heap = {.name = "plain", .malloc = malloc, .realloc = realloc, .free = free};
    describe(3, 30000, "exp(100)", "exp(20)");
    plan.rows[0].batch = 64;
    plan.rows[0].order = PLAN_RANDOM;
    plan.rows[0].other = plan_share(0.5);
    plan.rows[0].resized = plan_share(0.3);
    plan.live_max = 4000;
    run(&heap);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.live_bytes, 0);
    assert_in_range(result.total.handed, 10000, 20000);
}

/* ---- sizes ---- */

static void
test_sized(void **state) {
    (void)state;
    heap_t heap = numbering_heap();
    describe(1, 20000, "uniform(1,1000)", "10");
    assert_true(plan_reserve(&plan, 2, 0));
    plan.rows[0] = row_of("uniform(1,1000)", "10");
    plan.rows[0].sized = plan_share(0.25);
    plan.rows[1] = row_of("uniform(1,1000)", "10");
    plan.rows[1].sized = plan_share(1);
    plan.rows[1].align = 128;
    run(&heap);
    assert_int_equal(nwrong, 0);
    assert_int_equal(nsized, result.total.calls[CALL_FREE_SIZED]);
    assert_int_equal(nfreed - nsized, result.total.calls[CALL_FREE]);
    assert_in_range(nsized, 12500 * 0.97, 12500 * 1.03);
    assert_true(result.total.errors == 0);
}

/* An allocator without such a form frees all blocks by free. */
static void
test_without_sized(void **state) {
    (void)state;
    heap_t heap = {.name = "plain", .malloc = malloc, .free = free};
    describe(1, 1000, "100", "10");
    plan.rows[0].sized = plan_share(1);
    run(&heap);
    assert_int_equal(result.total.calls[CALL_FREE], 1000);
    assert_int_equal(result.total.calls[CALL_FREE_SIZED], 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bursts),        cmocka_unit_test(test_reversed),          cmocka_unit_test(test_random),
        cmocka_unit_test(test_expected),      cmocka_unit_test(test_bursts_for_others), cmocka_unit_test(test_sized),
        cmocka_unit_test(test_without_sized),
    };
    return cmocka_run_group_tests_name("workload/burst", tests, NULL, free_plan);
}

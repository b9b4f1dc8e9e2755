/*
 * highwater_test.c -- a dump at each new high of mapped memory: it may allocate, it may be told in the middle of an
 * internal allocation, and two threads may reach new highs at once; it is neither entered twice nor waited for.
 */
#include "../base/testing.h"

#include "arena/arenas.h"
#include "extent/highwater.h"
#include "lunalloc.h"

#include <pthread.h>

#define BIG ((size_t)300 << 20) /* more than any region that grew on its own */

static _Atomic unsigned entered, inside, nested;
static _Atomic bool wait_inside;

/* Allocates so much that it reaches a new high itself. */
static void
dump(size_t mapped) {
    (void)mapped;
    atomic_add(&entered, 1);
    if (atomic_add(&inside, 1) != 0) {
        atomic_add(&nested, 1);
    }
    void *mine = lunalloc_malloc(BIG);
    assert_non_null(mine);
    while (atomic_get_acquire(&wait_inside)) {
        sched_yield();
    }
    lunalloc_free(mine);
    atomic_sub(&inside, 1);
}

static void
begin(void) {
    atomic_set(&entered, 0);
    atomic_set(&nested, 0);
    atomic_set(&inside, 0);
    highwater_set_slot(dump);
}

static void
end(void) {
    highwater_set_slot(NULL);
    assert_int_equal(atomic_get(&inside), 0);
    assert_int_equal(atomic_get(&nested), 0);
}

/* A size that needs a region of its own, larger than all that is mapped now. */
static size_t
a_new_high(void) {
    return BIG + (highwater_mark() / 64) * 64;
}

static void
test_gdump_by_its_own_allocation(void **state) {
    (void)state;
    begin();
    size_t before = highwater_mark();
    void *p = lunalloc_malloc(a_new_high());
    assert_non_null(p);
    assert_int_equal(atomic_get(&entered), 1);
    assert_true(highwater_mark() > before);
    lunalloc_free(p);
    end();
}

/* Slabs, caches, descriptors: the dump may need the very thing for which the region is mapped. */
static void
test_gdump_inside_an_internal_allocation(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    void *out[64];
    begin();
    while (atomic_get(&entered) == 0) {
        assert_int_equal(arena_fill(arena, 5, 0, 64, out), 64);
    }
    assert_true(atomic_get(&entered) >= 1);
    end();
    assert_int_equal(arenas_destroy(arena->index), 0);
}

static void *
reach_new_high(void *arg) {
    (void)arg;
    void *p = lunalloc_malloc(a_new_high());
    lunalloc_free(p);
    return p;
}

/* The second thread's high comes while the first one dumps: it goes on at once. */
static void
test_gdump_by_two_threads_at_once(void **state) {
    (void)state;
    pthread_t first, second;
    begin();
    atomic_set_release(&wait_inside, true);
    assert_int_equal(pthread_create(&first, NULL, reach_new_high, NULL), 0);
    while (atomic_get_acquire(&inside) == 0) {
        sched_yield();
    }
    assert_int_equal(pthread_create(&second, NULL, reach_new_high, NULL), 0);
    void *got;
    assert_int_equal(pthread_join(second, &got), 0);
    assert_non_null(got);
    assert_int_equal(atomic_get(&entered), 1);
    atomic_set_release(&wait_inside, false);
    assert_int_equal(pthread_join(first, &got), 0);
    assert_non_null(got);
    end();
}

/* Only a new high is told: the same memory a second time is none. */
static void
test_gdump_only_at_new_highs(void **state) {
    (void)state;
    lunalloc_free(lunalloc_malloc(BIG));
    begin();
    for (unsigned i = 0; i < 10; i++) {
        lunalloc_free(lunalloc_malloc(BIG / 2));
    }
    assert_int_equal(atomic_get(&entered), 0);
    end();
}

static size_t told_last;

static void
note(size_t mapped) {
    atomic_add(&entered, 1);
    told_last = mapped;
}

/* What comes and goes below the mark, or up to it, is not told. The last test: it raises the mark. */
static void
test_gdump_not_below_the_mark(void **state) {
    (void)state;
    size_t size = highwater_mark() + BIG;
    atomic_set(&entered, 0);
    highwater_set_slot(note);
    highwater_add(size);
    assert_int_equal(atomic_get(&entered), 1);
    size_t mark = highwater_mark();
    assert_int_equal(told_last, mark);
    highwater_sub(size);
    highwater_add(size / 2);
    highwater_sub(size / 2);
    highwater_add(size);
    assert_int_equal(atomic_get(&entered), 1);
    assert_int_equal(highwater_mark(), mark);
    highwater_add(1);
    assert_int_equal(atomic_get(&entered), 2);
    assert_int_equal(told_last, mark + 1);
    highwater_set_slot(NULL);
    highwater_sub(size + 1);
    assert_int_equal(highwater_mark(), mark + 1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gdump_by_its_own_allocation),  cmocka_unit_test(test_gdump_inside_an_internal_allocation),
        cmocka_unit_test(test_gdump_by_two_threads_at_once), cmocka_unit_test(test_gdump_only_at_new_highs),
        cmocka_unit_test(test_gdump_not_below_the_mark),
    };
    return cmocka_run_group_tests_name("extent/highwater", tests, boot_allocator, NULL);
}

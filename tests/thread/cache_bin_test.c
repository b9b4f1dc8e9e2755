/* cache_bin_test.c -- one stack of free objects, over an array of the test's own. */
#include "../api/support.h"
#include "base/bits.h"
#include "thread/cache_bin.h"

#define NSLOTS 8
#define SPAN   65536

static cache_bin_t
bin_over(void **slots, uint32_t n, uint32_t remain) {
    return (cache_bin_t){
        .head = slots + n,
        .remain = remain,
        .empty = (uint16_t)(uintptr_t)(slots + n),
        .full = (uint16_t)(uintptr_t)slots,
    };
}

static void *
object(uintptr_t i) {
    return (void *)(0x1000 + i * 16);
}

/* What every thread starts with, and what switches a cache off: every call takes the slow path. */
static void
test_zeroed(void **state) {
    (void)state;
    cache_bin_t bin, zero;
    memset(&bin, 0, sizeof bin);
    memset(&zero, 0, sizeof zero);
    void *ptr = object(1);
    assert_false(cache_bin_pop(&bin, &ptr));
    assert_false(cache_bin_push(&bin, object(2)));
    assert_int_equal(cache_bin_count(&bin), 0);
    assert_ptr_equal(ptr, object(1));
    assert_memory_equal(&bin, &zero, sizeof bin);
}

static void
fill_and_drain(void **slots, uint32_t n) {
    cache_bin_t bin = bin_over(slots, n, UINT32_MAX);
    void *ptr;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(cache_bin_count(&bin), i);
        assert_true(cache_bin_push(&bin, object(i)));
    }
    assert_false(cache_bin_push(&bin, object(n)));
    assert_int_equal(cache_bin_count(&bin), n);
    for (uint32_t i = n; i > 0; i--) {
        assert_true(cache_bin_pop(&bin, &ptr));
        assert_ptr_equal(ptr, object(i - 1));
        assert_int_equal(cache_bin_count(&bin), i - 1);
    }
    assert_false(cache_bin_pop(&bin, &ptr));
    assert_ptr_equal(bin.head, slots + n);
}

/*
 * The bounds are kept as 16 bits: wherever in its 64 KiB a stack lies, and across their end, it holds exactly n
 * objects.
 */
static void
test_bounds(void **state) {
    (void)state;
    char *block = malloc(3 * SPAN);
    assert_non_null(block);
    char *area = (char *)align_up((uintptr_t)block, SPAN);
    for (uint32_t n = 1; n <= 4096; n *= 2) {
        const size_t last = SPAN - n * sizeof(void *);
        const size_t starts[] = {0, 64, last, last + sizeof(void *), SPAN - sizeof(void *), SPAN};
        for (unsigned i = 0; i < sizeof starts / sizeof starts[0]; i++) {
            fill_and_drain((void **)(void *)(area + starts[i]), n);
        }
    }
    free(block);
}

/* Last in, first out, against a plain array. */
static void
test_model(void **state) {
    (void)state;
    void *slots[NSLOTS], *model[NSLOTS], *ptr;
    cache_bin_t bin = bin_over(slots, NSLOTS, UINT32_MAX);
    uint64_t seed = 2;
    unsigned n = 0;
    for (unsigned op = 0; op < 10000; op++) {
        if (rnd_below(&seed, 2) == 0) {
            assert_int_equal(cache_bin_push(&bin, object(op)), n < NSLOTS);
            if (n < NSLOTS) {
                model[n++] = object(op);
            }
        } else {
            assert_int_equal(cache_bin_pop(&bin, &ptr), n > 0);
            if (n > 0) {
                assert_ptr_equal(ptr, model[--n]);
            }
        }
        assert_int_equal(cache_bin_count(&bin), n);
    }
}

/* Each success counts down by one, the slow path is asked for when 0 is reached, and then the object is still there. */
static void
test_countdown(void **state) {
    (void)state;
    void *slots[NSLOTS], *ptr;
    for (uint32_t remain = 1; remain < NSLOTS; remain++) {
        cache_bin_t bin = bin_over(slots, NSLOTS, remain);
        for (uint32_t i = 0; i < NSLOTS; i++) {
            assert_true(cache_bin_push(&bin, object(i)));
        }
        assert_int_equal(bin.remain, remain);
        for (uint32_t i = 1; i < remain; i++) {
            assert_true(cache_bin_pop(&bin, &ptr));
            assert_int_equal(bin.remain, remain - i);
        }
        assert_false(cache_bin_pop(&bin, &ptr));
        assert_int_equal(bin.remain, 0);
        assert_int_equal(cache_bin_count(&bin), NSLOTS - remain + 1);
    }
}

/* An empty stack does not count down: nothing was allocated by it. */
static void
test_empty_keeps_countdown(void **state) {
    (void)state;
    void *slots[NSLOTS], *ptr;
    cache_bin_t bin = bin_over(slots, NSLOTS, 5);
    assert_false(cache_bin_pop(&bin, &ptr));
    assert_int_equal(bin.remain, 5);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_countdown),
        cmocka_unit_test(test_empty_keeps_countdown),
    };
    return cmocka_run_group_tests_name("cache_bin", tests, NULL, NULL);
}

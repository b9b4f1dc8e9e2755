/*
 * wheel_test.c -- every block comes out of the wheel exactly when it is due, wherever on the wheel time stands.
 */
#include "cmocka_all.h"

#include <string.h>

#include "workload/prng.h"
#include "workload/wheel.h"

enum {
    NBLOCKS = 4096
};

static wheel_t wheel;
static block_t blocks[NBLOCKS];

static void
reset(uint64_t now) {
    memset(&wheel, 0, sizeof(wheel));
    wheel.now = now;
}

/* Ticks once; each block that comes out must be due now. Returns how many. */
static size_t
tick(void) {
    size_t n = 0;
    for (block_t *block = wheel_tick(&wheel); block != NULL; block = block->next) {
        assert_int_equal(block->when, wheel.now);
        n++;
    }
    return n;
}

/* Random delays of all magnitudes up to 2^17 from a start just below a carry of each digit. */
static void
test_due_in_time(void **state) {
    (void)state;
    static const uint64_t starts[] = {
        0, 1, 255, 256, 65535, (1u << 24) - 2, ((uint64_t)1 << 32) - 3, ((uint64_t)1 << 56) - 9};
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        prng_t prng;
        size_t out = 0;
        reset(starts[s]);
        prng_seed(&prng, s, 0);
        for (size_t i = 0; i < NBLOCKS; i++) {
            uint64_t most = (uint64_t)1 << prng_below(prng_next(&prng), 18);
            blocks[i].when = wheel.now + 1 + prng_below(prng_next(&prng), most);
            wheel_add(&wheel, &blocks[i]);
        }
        for (size_t i = 0; i <= 1 << 17; i++) {
            out += tick();
        }
        assert_int_equal(out, NBLOCKS);
    }
}

/* Blocks are added while time runs. */
static void
test_steady_state(void **state) {
    (void)state;
    block_t *spare = NULL;
    prng_t prng;
    size_t live = 0;
    reset(0);
    prng_seed(&prng, 9, 0);
    for (size_t i = 0; i < NBLOCKS; i++) {
        blocks[i].next = spare;
        spare = &blocks[i];
    }
    for (size_t i = 0; i < 200000; i++) {
        block_t *due = wheel_tick(&wheel);
        while (due != NULL) {
            block_t *next = due->next;
            assert_int_equal(due->when, wheel.now);
            due->next = spare;
            spare = due;
            live--;
            due = next;
        }
        block_t *block = spare;
        assert_non_null(block);
        spare = block->next;
        block->when = wheel.now + 1 + prng_below(prng_next(&prng), 4000);
        wheel_add(&wheel, block);
        live++;
    }
    assert_in_range(live, 1900, 2100); /* Little's law: mean delay 2000 */
}

static void
test_empty_takes_all(void **state) {
    (void)state;
    size_t n = 0;
    reset(77);
    for (size_t i = 0; i < NBLOCKS; i++) {
        blocks[i].when = wheel.now + 1 + i * i * i;
        wheel_add(&wheel, &blocks[i]);
    }
    for (block_t *block = wheel_empty(&wheel); block != NULL; block = block->next) {
        n++;
    }
    assert_int_equal(n, NBLOCKS);
    assert_null(wheel_empty(&wheel));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_in_time),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_empty_takes_all),
    };
    return cmocka_run_group_tests_name("workload/wheel", tests, NULL, NULL);
}

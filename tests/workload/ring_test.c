/*
 * ring_test.c -- the queue between threads: order, bound, and that nothing is lost or doubled with several producers.
 */
#include "cmocka_all.h"

#include <pthread.h>
#include <sched.h>

#include "workload/ring.h"

static ring_t ring;

static void
test_order_and_bound(void **state) {
    (void)state;
    parcel_t parcel = {0}, out;
    ring_init(&ring);
    assert_false(ring_pop(&ring, &out));
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < RING_SIZE; i++) {
            parcel.id = lap * RING_SIZE + i;
            assert_true(ring_push(&ring, &parcel));
        }
        assert_false(ring_push(&ring, &parcel));
        for (uint64_t i = 0; i < RING_SIZE; i++) {
            assert_true(ring_pop(&ring, &out));
            assert_int_equal(out.id, lap * RING_SIZE + i);
        }
        assert_false(ring_pop(&ring, &out));
    }
}

static void
test_room_for_one(void **state) {
    (void)state;
    parcel_t parcel = {0}, out;
    ring_init(&ring);
    for (uint64_t i = 0; i < RING_SIZE; i++) {
        assert_true(ring_push(&ring, &parcel));
    }
    for (int i = 0; i < 5000; i++) {
        assert_true(ring_pop(&ring, &out));
        assert_true(ring_push(&ring, &parcel));
        assert_false(ring_push(&ring, &parcel));
    }
}

enum {
    PRODUCERS = 4,
    PARCELS = 50000
};

static void *
produce(void *arg) {
    uint64_t producer = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < PARCELS; i++) {
        parcel_t parcel = {.id = i, .row = (uint32_t)producer};
        while (!ring_push(&ring, &parcel)) {
            sched_yield();
        }
    }
    return NULL;
}

/* The parcels of each producer arrive in its order, each exactly once. */
static void
test_several_producers(void **state) {
    (void)state;
    pthread_t threads[PRODUCERS];
    uint64_t next[PRODUCERS] = {0};
    ring_init(&ring);
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    }
    for (size_t n = 0; n < (size_t)PRODUCERS * PARCELS;) {
        parcel_t parcel;
        if (!ring_pop(&ring, &parcel)) {
            sched_yield();
            continue;
        }
        assert_in_range(parcel.row, 0, PRODUCERS - 1);
        assert_int_equal(parcel.id, next[parcel.row]);
        next[parcel.row]++;
        n++;
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bound),
        cmocka_unit_test(test_room_for_one),
        cmocka_unit_test(test_several_producers),
    };
    return cmocka_run_group_tests_name("workload/ring", tests, NULL, NULL);
}

/* clock_test.c -- both clocks are monotonic, in one thread and from thread to thread, and tell the same time. */
#include "../base/testing.h"

#include "os/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define READINGS 100000

static void
check_monotonic(uint64_t (*clock)(void)) {
    uint64_t last = clock();
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t now = clock();
        assert_true(now >= last);
        last = now;
    }
}

static void
test_monotonic(void **state) {
    (void)state;
    check_monotonic(clock_ns);
    check_monotonic(clock_coarse_ns);
}

/* The coarse clock lags: a precise reading that comes later is never before it. */
static void
test_coarse_lags(void **state) {
    (void)state;
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t coarse = clock_coarse_ns();
        assert_true(coarse <= clock_ns());
    }
}

/* A sleep of n ns takes at least n ns on either clock (the coarse one may miss its own granularity). */
static void
test_unit(void **state) {
    (void)state;
    struct timespec grain;
    clock_getres(CLOCK_MONOTONIC_COARSE, &grain);
    uint64_t precise = clock_ns(), coarse = clock_coarse_ns();
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL), 0);
    assert_true(clock_ns() - precise >= 50000000);
    assert_true(clock_coarse_ns() - coarse + (uint64_t)grain.tv_nsec >= 50000000);
}

static void *
read_clock(void *reading) {
    *(uint64_t *)reading = clock_ns();
    return NULL;
}

static void
test_across_threads(void **state) {
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        uint64_t before = clock_ns(), within = 0;
        assert_int_equal(pthread_create(&thread, NULL, read_clock, &within), 0);
        pthread_join(thread, NULL);
        assert_true(before <= within && within <= clock_ns());
    }
}

static void
test_errno(void **state) {
    (void)state;
    errno = EXDEV;
    clock_ns();
    clock_coarse_ns();
    assert_int_equal(errno, EXDEV);
}

#ifdef __linux__
static _Atomic unsigned nasked;

/* The program's own clock stands still, as under libfaketime; the library asks the kernel. */
int
clock_gettime(clockid_t id, struct timespec *t) {
    (void)id;
    atomic_fetch_add(&nasked, 1);
    *t = (struct timespec){.tv_sec = 1};
    return 0;
}

static void
test_replaced_clock_gettime(void **state) {
    (void)state;
    unsigned before = atomic_load(&nasked);
    uint64_t precise = clock_ns(), coarse = clock_coarse_ns(), once = clock_coarse_ns_once(), wall = clock_wall_ns();
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL), 0);
    assert_true(clock_ns() > precise && clock_coarse_ns() > coarse);
    assert_true(clock_coarse_ns_once() > once && clock_wall_ns() > wall);
    assert_int_equal(atomic_load(&nasked), before);
    time_t now = time(NULL);
    assert_in_range((uintmax_t)(wall / 1000000000U), (uintmax_t)now - 10, (uintmax_t)now + 1);
}
#endif

int
main(void) {
    clock_boot();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_coarse_lags),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_across_threads),
        cmocka_unit_test(test_errno),
#ifdef __linux__
        cmocka_unit_test(test_replaced_clock_gettime),
#endif
    };
    return cmocka_run_group_tests_name("os/clock", tests, NULL, NULL);
}

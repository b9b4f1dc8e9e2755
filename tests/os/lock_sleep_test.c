/* lock_sleep_test.c -- a thread that waits long for a lock gives its processor away. */
#include "../base/testing.h"

#include "os/lock.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static lock_t lock = LOCK_INITIALIZER(RANK_THREADS);

/* How often the thread gave its processor away while it took the lock. */
static void *
count_sleeps(void *sleeps) {
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    lock_acquire(&lock);
    getrusage(RUSAGE_THREAD, &after);
    lock_release(&lock);
    *(long *)sleeps = after.ru_nvcsw - before.ru_nvcsw;
    return NULL;
}

/* One waiter finds the lock held, the other finds it contended. */
static void
test_waiters_sleep(void **state) {
    (void)state;
    pthread_t threads[2];
    long sleeps[2] = {0};
    lock_acquire(&lock);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_sleeps, &sleeps[i]), 0);
    }
    while (atomic_get(&lock.nsleepers) < 2) {
        usleep(1000);
    }
    usleep(20000);
    lock_release(&lock);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_true(sleeps[i] > 0);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiters_sleep),
    };
    return cmocka_run_group_tests_name("os/lock_sleep", tests, boot_allocator, NULL);
}

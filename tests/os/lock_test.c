/* lock_test.c -- mutual exclusion, trying, siblings, what a lock counts, and locks that a fork finds held. */
#include "../base/breathe.h"
#include "../base/testing.h"

#include "os/lock.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  20000

static lock_t counter_lock;
static unsigned counter; /* Synchronization: counter_lock. */

static void *
count(void *argument) {
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_acquire(&counter_lock);
        counter++;
        lock_release(&counter_lock);
    }
    return NULL;
}

static void *
count_by_trying(void *argument) {
    (void)argument;
    for (unsigned done = 0; done < ROUNDS;) {
        if (lock_try(&counter_lock)) {
            counter++;
            done++;
            lock_release(&counter_lock);
        }
    }
    return NULL;
}

static void
test_mutual_exclusion(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    counter = 0;
    lock_init(&counter_lock, RANK_BIN);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i == 0 ? count_by_trying : count, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(counter, THREADS * ROUNDS);
}

/* ---- more threads than processors, and holders that are off theirs ---- */

#define CROWD 8

typedef struct {
    pthread_t thread;
    uint64_t seed;
    unsigned ntaken;
} member_t;

static void *
take_often(void *argument) {
    member_t *me = argument;
    for (unsigned i = 0; i < ROUNDS / 8; i++) {
        unsigned way = random_below(&me->seed, 64);
        if (way >= 8 || lock_try(&counter_lock)) {
            way >= 8 ? lock_acquire(&counter_lock) : (void)0;
            counter++;
            me->ntaken++;
            way == 8 ? nap(1) : way < 12 ? (void)sched_yield() : (void)0;
            lock_release(&counter_lock);
        }
    }
    return NULL;
}

/* Nobody sleeps for ever, and each acquisition is counted once. */
static void
test_crowd(void **state) {
    (void)state;
    member_t crowd[CROWD];
    unsigned ntaken = 0;
    lock_stats_t stats;
    counter = 0;
    lock_init(&counter_lock, RANK_BIN);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (member_t){.seed = i};
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, take_often, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        ntaken += crowd[i].ntaken;
    }
    lock_stats(&counter_lock, &stats);
    assert_int_equal(counter, ntaken);
    assert_int_equal(stats.nops, ntaken);
    assert_true(stats.nwaits > 0 && stats.nwaits + stats.nspins <= ntaken);
    assert_true(stats.nswitches >= CROWD && stats.nswitches <= ntaken);
    /* All of them: who has been woken counts as waiting until it says that it has the lock. */
    assert_true(stats.max_sleepers > 0 && stats.max_sleepers <= CROWD);
    assert_int_equal(atomic_get(&counter_lock.nsleepers), 0);
    assert_int_equal(atomic_get(&counter_lock.state), LOCK_FREE);
}

static void *
try_once(void *lock) {
    bool got = lock_try(lock);
    if (got) {
        lock_release(lock);
    }
    return got ? lock : NULL;
}

static bool
other_thread_gets(lock_t *lock) {
    pthread_t thread;
    void *got = NULL;
    assert_int_equal(pthread_create(&thread, NULL, try_once, lock), 0);
    pthread_join(thread, &got);
    return got != NULL;
}

static void
test_try(void **state) {
    (void)state;
    static lock_t lock = LOCK_INITIALIZER(RANK_THREADS);
    assert_int_equal(lock.rank, RANK_THREADS);
    assert_true(other_thread_gets(&lock));
    lock_acquire(&lock);
    assert_false(lock_try(&lock));
    assert_false(other_thread_gets(&lock));
    lock_release(&lock);
    assert_true(lock_try(&lock));
    assert_false(other_thread_gets(&lock));
    lock_release(&lock);
    assert_true(other_thread_gets(&lock));
}

static void
test_ranks_in_order(void **state) {
    (void)state;
    static lock_t locks[RANK_COUNT];
    for (unsigned rank = RANK_BOOT; rank < RANK_COUNT; rank++) {
        lock_init(&locks[rank], (lock_rank_t)rank);
        lock_acquire(&locks[rank]);
    }
    /* Making a thread allocates: only once no lock of the core is held. */
    for (unsigned rank = RANK_COUNT; rank-- > RANK_BOOT;) {
        assert_true(rank >= RANK_CORE || !other_thread_gets(&locks[rank]));
        lock_release(&locks[rank]);
        assert_true(rank > RANK_CORE || other_thread_gets(&locks[rank]));
    }
}

static void
test_siblings(void **state) {
    (void)state;
    lock_t locks[3];
    for (unsigned i = 0; i < 3; i++) {
        lock_init(&locks[i], RANK_THREADS);
        lock_acquire_sibling(&locks[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_false(other_thread_gets(&locks[i]));
    }
    for (unsigned i = 0; i < 3; i++) {
        lock_release(&locks[i]);
    }
}

static lock_stats_t
stats_of(const lock_t *lock) {
    lock_stats_t stats;
    lock_stats(lock, &stats);
    return stats;
}

static void
test_counts_of_one_thread(void **state) {
    (void)state;
    static lock_t lock = LOCK_INITIALIZER(RANK_THREADS);
    for (unsigned i = 0; i < 3; i++) {
        lock_acquire(&lock);
        lock_release(&lock);
    }
    assert_true(lock_try(&lock));
    assert_false(other_thread_gets(&lock)); /* which is no acquisition */
    lock_release(&lock);
    lock_stats_t stats = stats_of(&lock);
    assert_int_equal(stats.nops, 4);
    assert_int_equal(stats.nswitches, 1);
    assert_int_equal(stats.nwaits + stats.nspins + stats.wait_ns + stats.max_sleepers, 0);
    assert_true(other_thread_gets(&lock));
    assert_int_equal(stats_of(&lock).nswitches, 2);
    lock_acquire(&lock);
    lock_stats_reset(&lock);
    lock_release(&lock);
    assert_int_equal(stats_of(&lock).nops, 0);
}

static void *
take_once(void *lock) {
    lock_acquire(lock);
    lock_release(lock);
    return NULL;
}

/* Two threads find the lock held for long: both sleep, one after the other gets it. */
static void
test_counts_of_waiting(void **state) {
    (void)state;
    static lock_t lock = LOCK_INITIALIZER(RANK_THREADS);
    pthread_t threads[2];
    lock_acquire(&lock);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_once, &lock), 0);
    }
    while (atomic_get(&lock.nsleepers) < 2) {
        usleep(1000);
    }
    usleep(20000);
    lock_release(&lock);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    lock_stats_t stats = stats_of(&lock);
    assert_int_equal(stats.nops, 3);
    assert_int_equal(stats.nwaits, 2);
    assert_int_equal(stats.nspins, 0);
    assert_int_equal(stats.max_sleepers, 2);
    assert_true(stats.max_wait_ns >= 20000000);
    assert_true(stats.wait_ns >= 2 * 20000000 && stats.wait_ns <= 2 * stats.max_wait_ns);
}

/* The child inherits the lock held, gives it back, and can use it. */
static int
use_in_child(void *argument) {
    lock_t *lock = argument;
    if (lock_try(lock)) {
        return 1;
    }
    lock_postfork(lock, true);
    lock_acquire(lock);
    lock_release(lock);
    return lock_try(lock) ? 0 : 2;
}

static void
test_held_across_fork(void **state) {
    (void)state;
    lock_t lock;
    lock_init(&lock, RANK_BOOT);
    lock_prefork(&lock);
    lock_fork_begin();
    child_t child = run_child(use_in_child, &lock);
    lock_fork_end();
    lock_postfork(&lock, false);
    assert_int_equal(child.status, 0);
    assert_true(other_thread_gets(&lock));
}

/* Between lock_fork_begin and lock_fork_end the holder enters again, in any order and depth; others wait throughout,
 * and a lock that was not taken for the fork is what it always is. */
static void
test_entered_while_held_for_fork(void **state) {
    (void)state;
    lock_t held[2], other;
    lock_init(&held[0], RANK_BOOT);
    lock_init(&held[1], RANK_BOOT);
    lock_init(&other, RANK_BOOT);
    lock_prefork(&held[0]);
    lock_prefork_sibling(&held[1]);
    lock_fork_begin();
    for (unsigned i = 0; i < 3; i++) {
        lock_acquire(&held[1]);
        lock_acquire_sibling(&held[0]);
        lock_acquire_sibling(&held[1]);
        lock_release(&held[0]);
        lock_release(&held[1]);
        lock_release(&held[1]);
        lock_acquire(&other);
        assert_false(other_thread_gets(&other));
        lock_release(&other);
        assert_true(other_thread_gets(&other));
        assert_false(other_thread_gets(&held[0]) || other_thread_gets(&held[1]));
    }
    lock_fork_end();
    assert_false(other_thread_gets(&held[0]) || other_thread_gets(&held[1]));
    lock_postfork(&held[1], false);
    assert_true(other_thread_gets(&held[1]));
    assert_false(other_thread_gets(&held[0]));
    lock_postfork(&held[0], false);
    assert_true(other_thread_gets(&held[0]));
}

/* What was made or taken meanwhile is its holder's. */
static void
test_postfork_gives_back_what_prefork_took(void **state) {
    (void)state;
    lock_t lock;
    lock_init(&lock, RANK_BOOT);
    lock_acquire(&lock);
    lock_postfork(&lock, false);
    assert_false(other_thread_gets(&lock));
    lock_release(&lock);
    assert_true(other_thread_gets(&lock));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutual_exclusion),
        cmocka_unit_test(test_try),
        cmocka_unit_test(test_ranks_in_order),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_counts_of_one_thread),
        cmocka_unit_test(test_counts_of_waiting),
        cmocka_unit_test(test_held_across_fork),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_entered_while_held_for_fork),
        cmocka_unit_test(test_postfork_gives_back_what_prefork_took),
    };
    return cmocka_run_group_tests_name("os/lock", tests, boot_allocator, NULL);
}

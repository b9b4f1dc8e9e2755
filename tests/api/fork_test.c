/*
 * fork_test.c -- threads allocate while the main thread forks; each child goes on allocating and freeing, and ends
 * well.
 */
#include "../api/support.h"
#include "../arena/check.h"

#include <sched.h>

#define NTHREADS 3
#define NHELD    500

static _Atomic bool stop;
static _Atomic unsigned started;

static void
churn(uint64_t *seed, void **held, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        size_t k = rnd_below(seed, NHELD);
        lunalloc_free(held[k]);
        held[k] = lunalloc_malloc(rnd_size(seed, 17));
    }
}

static void
release(void **held) {
    for (unsigned k = 0; k < NHELD; k++) {
        lunalloc_free(held[k]);
        held[k] = NULL;
    }
}

static void *
load(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    void *held[NHELD] = {NULL};
    atomic_add(&started, 1);
    while (!atomic_get(&stop)) {
        churn(&seed, held, 100);
        lunalloc_ctl_set("arena.4096.decay", NULL, NULL, 0);
    }
    release(held);
    return NULL;
}

/* What the parent held is there with its contents; everything works, and nobody but this thread is counted. */
static void
live_in_child(void *arg) {
    void **held = arg;
    uint64_t seed = 99;
    for (unsigned k = 0; k < NHELD; k++) {
        child_assert(held[k] == NULL || pattern_holds(held[k], 8, k));
    }
    churn(&seed, held, 1000);
    lunalloc_stats_t stats;
    child_assert(lunalloc_stats(LUNALLOC_ALL, &stats) == 0);
    child_assert(stats.nthreads == 1 && stats.allocated <= stats.active);
    child_assert(lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0) == 0);
    release(held);
    check_arenas();
}

static void
hold(void **held, uint64_t *seed) {
    for (unsigned k = 0; k < NHELD; k++) {
        held[k] = lunalloc_malloc(8 + rnd_size(seed, 16));
        assert_non_null(held[k]);
        pattern_fill(held[k], 8, k);
    }
}

static void
test_fork_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    void *held[NHELD];
    uint64_t seed = 5;
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load, (void *)i), 0);
    }
    while (atomic_get(&started) < NTHREADS) {
        sched_yield();
    }
    hold(held, &seed);
    for (unsigned i = 0; i < (config_tsan || config_asan ? 40 : 200); i++) {
        outcome_t out = in_child(live_in_child, held);
        assert_child_well(&out);
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned k = 0; k < NHELD; k++) {
        assert_true(pattern_holds(held[k], 8, k));
    }
    release(held);
}

/* Children of children. */
static void
fork_again(void *arg) {
    unsigned depth = *(unsigned *)arg;
    void *p = lunalloc_malloc(100 * depth + 1);
    child_assert(p != NULL);
    if (depth > 0) {
        unsigned next = depth - 1;
        pid_t pid = fork();
        child_assert(pid >= 0);
        if (pid == 0) {
            fork_again(&next);
            _exit(0);
        }
        int status;
        child_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    lunalloc_free(p);
}

static void
test_fork_in_child(void **state) {
    (void)state;
    unsigned depth = 10;
    outcome_t out = in_child(fork_again, &depth);
    assert_child_well(&out);
}

/* Threads that a child starts have caches and arenas of their own; its counts begin anew. */
static void
start_threads(void *arg) {
    (void)arg;
    pthread_t threads[4];
    atomic_set(&stop, true);
    for (uintptr_t i = 0; i < 4; i++) {
        child_assert(pthread_create(&threads[i], NULL, load, (void *)i) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        child_assert(pthread_join(threads[i], NULL) == 0);
    }
    lunalloc_stats_t stats;
    child_assert(lunalloc_stats(LUNALLOC_ALL, &stats) == 0 && stats.nthreads == 1);
}

static void
test_threads_in_child(void **state) {
    (void)state;
    outcome_t out = in_child(start_threads, NULL);
    assert_child_well(&out);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork_in_child),
        cmocka_unit_test(test_threads_in_child),
        cmocka_unit_test(test_fork_under_load),
    };
    return cmocka_run_group_tests_name("fork", tests, boot_allocator, NULL);
}

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

/* Threads that arenas count as bound to them. */
static uint64_t
nbound(void) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        n += arenas_get(i) == NULL ? 0 : atomic_get(&arenas_get(i)->nthreads);
    }
    return n;
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
    child_assert(nbound() == 1);
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

/* ---- handlers of fork that were registered before the library's ---- */

enum {
    IN_PREPARE = 1,
    IN_PARENT = 2,
    IN_CHILD = 4
};

static unsigned handlers_allocate; /* where they do */
static unsigned nhandled;
static void *kept[NHELD];

/* Every way into the allocator: small, large, zeroed, aligned, resized; fills and flushes; controls. */
static void
allocate_in_handler(void) {
    uint64_t seed = nhandled + 1;
    churn(&seed, kept, 2 * NHELD);
    release(kept);
    void *zeroed = lunalloc_calloc(3, 1000);
    void *large = lunalloc_malloc((size_t)3 << 20);
    child_assert(zeroed != NULL && large != NULL);
    large = lunalloc_realloc(large, (size_t)9 << 20);
    child_assert(large != NULL);
    void *aligned = lunalloc_aligned_alloc(1 << 16, 100);
    child_assert(aligned != NULL);
    lunalloc_free(large);
    lunalloc_free(zeroed);
    lunalloc_free(aligned);
    lunalloc_stats_t stats;
    child_assert(lunalloc_stats(LUNALLOC_ALL, &stats) == 0);
    nhandled++;
}

static void
handle(unsigned where) {
    if ((handlers_allocate & where) != 0) {
        allocate_in_handler();
    }
}

static void
handle_prepare(void) {
    handle(IN_PREPARE);
}

static void
handle_parent(void) {
    handle(IN_PARENT);
}

static void
handle_child(void) {
    handle(IN_CHILD);
}

static void
register_handlers(void) {
    pthread_atfork(handle_prepare, handle_parent, handle_child);
}

/* Before every constructor, those of the library too: so its own "prepare" runs before these, with all that it locks,
 * and its own "parent" and "child" after them. */
__attribute__((section(".preinit_array"), used)) static void (*const earliest)(void) = register_handlers;

/* In a child, so that a deadlock ends it: forks, with other threads at work. */
static void
fork_with_handlers(void *arg) {
    pthread_t thread;
    handlers_allocate = *(unsigned *)arg;
    alarm(20);
    atomic_set(&stop, false);
    child_assert(pthread_create(&thread, NULL, load, NULL) == 0);
    for (unsigned i = 0; i < 5; i++) {
        unsigned before = nhandled;
        pid_t pid = fork();
        child_assert(pid >= 0);
        if (pid == 0) {
            alarm(20);
            child_assert(nhandled == before + !!(*(unsigned *)arg & IN_PREPARE) + !!(*(unsigned *)arg & IN_CHILD));
            handlers_allocate = 0;
            allocate_in_handler();
            check_arenas();
            _exit(0);
        }
        int status;
        child_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        child_assert(nhandled == before + !!(*(unsigned *)arg & IN_PREPARE) + !!(*(unsigned *)arg & IN_PARENT));
    }
    atomic_set(&stop, true);
    child_assert(pthread_join(thread, NULL) == 0);
    check_arenas();
}

static void
test_fork_handlers_registered_before_ours(void **state) {
    (void)state;
    for (unsigned where = IN_PREPARE; where <= (IN_PREPARE | IN_PARENT | IN_CHILD); where++) {
        outcome_t out = in_child(fork_with_handlers, &where);
        assert_child_well(&out);
    }
}

/* An application that takes a lock of its own in its handler, and holds it elsewhere while it allocates, relies on
 * being prepared before its allocator is. */
static pthread_mutex_t application_lock = PTHREAD_MUTEX_INITIALIZER;

static void
lock_application(void) {
    pthread_mutex_lock(&application_lock);
}

static void
unlock_application(void) {
    pthread_mutex_unlock(&application_lock);
}

__attribute__((constructor)) static void
register_application(void) {
    pthread_atfork(lock_application, unlock_application, unlock_application);
}

static void *
allocate_under_application_lock(void *arg) {
    atomic_add(&started, 1);
    while (!atomic_get(&stop)) {
        lock_application();
        lunalloc_free(lunalloc_malloc((size_t)1 << 20));
        unlock_application();
    }
    return arg;
}

static void
fork_beside_application_lock(void *arg) {
    pthread_t thread;
    (void)arg;
    alarm(20);
    atomic_set(&stop, false);
    atomic_set(&started, 0);
    child_assert(pthread_create(&thread, NULL, allocate_under_application_lock, NULL) == 0);
    while (atomic_get(&started) == 0) {
        sched_yield();
    }
    for (unsigned i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        child_assert(pid > 0 && waitpid(pid, NULL, 0) == pid);
    }
    atomic_set(&stop, true);
    child_assert(pthread_join(thread, NULL) == 0);
}

static void
test_fork_handler_that_locks(void **state) {
    (void)state;
    outcome_t out = in_child(fork_beside_application_lock, NULL);
    assert_child_well(&out);
}

/* The handler's allocation is the process's first. */
static int
fork_before_boot(void) {
    unsigned where = IN_PREPARE | IN_PARENT | IN_CHILD;
    alarm(20);
    fork_with_handlers(&where);
    return 0;
}

static void
test_fork_handler_that_allocates_first_of_all(void **state) {
    (void)state;
    outcome_t out = in_new_process("fork", "LUNALLOC_CONF", "narenas:3");
    assert_child_well(&out);
}

int
main(int argc, char **argv) {
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork_in_child),
        cmocka_unit_test(test_threads_in_child),
        cmocka_unit_test(test_fork_under_load),
        cmocka_unit_test(test_fork_handlers_registered_before_ours),
        cmocka_unit_test(test_fork_handler_that_allocates_first_of_all),
        cmocka_unit_test(test_fork_handler_that_locks),
    };
    if (argc > 1) {
        return fork_before_boot();
    }
    return cmocka_run_group_tests_name("fork", tests, boot_allocator, NULL);
}

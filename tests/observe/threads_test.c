/* threads_test.c -- the list of threads: what each has cached, how long it has been idle, which are behind. */
#include "../api/support.h"
#include "base/options.h"
#include "os/clock.h"
#include "observe/threads.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>

#define SIZE 192
#define MANY 100

/* ---- threads that do one thing and wait ---- */

typedef struct {
    pthread_t id;
    _Atomic unsigned stage; /* 1: it has worked, 2: it may go on, 3: it has worked again, 4: it may end */
    _Atomic uint32_t tid;
    void (*work)(void);
    const char *name;
} sleeper_t;

static void
await(sleeper_t *sleeper, unsigned stage) {
    while (atomic_get_acquire(&sleeper->stage) < stage) {
        sched_yield();
    }
}

static void *
run_sleeper(void *arg) {
    sleeper_t *sleeper = arg;
    if (sleeper->name != NULL) {
        prctl(PR_SET_NAME, sleeper->name);
    }
    sleeper->work();
    atomic_set(&sleeper->tid, thread_get()->id);
    atomic_set_release(&sleeper->stage, 1);
    await(sleeper, 2);
    sleeper->work();
    atomic_set_release(&sleeper->stage, 3);
    await(sleeper, 4);
    return NULL;
}

static void
start(sleeper_t *sleeper, void (*work)(void), const char *name) {
    *sleeper = (sleeper_t){.work = work, .name = name};
    assert_int_equal(pthread_create(&sleeper->id, NULL, run_sleeper, sleeper), 0);
    await(sleeper, 1);
}

/* Lets it work a second time, unless it has. */
static void
go_on(sleeper_t *sleeper) {
    unsigned first = 1;
    atomic_compare_exchange_strong(&sleeper->stage, &first, 2);
    await(sleeper, 3);
}

static void
end(sleeper_t *sleeper) {
    go_on(sleeper);
    atomic_set_release(&sleeper->stage, 4);
    assert_int_equal(pthread_join(sleeper->id, NULL), 0);
}

/* Leaves ten objects of SIZE or more in the cache. */
static void
cache_some(void) {
    void *held[10];
    for (unsigned i = 0; i < 10; i++) {
        held[i] = lunalloc_malloc(SIZE);
    }
    for (unsigned i = 0; i < 10; i++) {
        lunalloc_free(held[i]);
    }
}

static bool
find(uint32_t tid, lunalloc_thread_t *out) {
    lunalloc_thread_cursor_t cursor = {0};
    while (lunalloc_threads(&cursor, out, 1) == 1) {
        if (out->tid == tid) {
            return true;
        }
    }
    return false;
}

static lunalloc_thread_t
look(const sleeper_t *sleeper) {
    lunalloc_thread_t thread;
    assert_true(find(atomic_get(&sleeper->tid), &thread));
    return thread;
}

/* ---- what it says ---- */

static void
test_a_thread_with_its_cache_and_name(void **state) {
    (void)state;
    sleeper_t sleeper;
    start(&sleeper, cache_some, "sleeps-a-lot-15");
    lunalloc_thread_t thread = look(&sleeper);
    uint32_t szind = sc_index(SIZE);
    assert_string_equal(thread.name, "sleeps-a-lot-15");
    assert_true(thread.objects[szind] >= (config_torture ? 1 : 10));
    assert_true(thread.requests >= 10);
    assert_int_equal(thread.arena < arenas_count(), 1);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < LUNALLOC_CACHED_CLASSES; i++) {
        assert_true(i < thread.nclasses || thread.objects[i] == 0);
        bytes += thread.objects[i] * sc.size[i];
    }
    assert_true(thread.nclasses > szind && thread.objects[thread.nclasses - 1] != 0);
    assert_int_equal(thread.cached, bytes);
    end(&sleeper);
    assert_false(find(atomic_get(&sleeper.tid), &thread));
}

/* What the statistics call cached is what the threads have. */
static void
test_the_sum_is_that_of_the_statistics(void **state) {
    (void)state;
    static sleeper_t sleepers[5];
    for (unsigned i = 0; i < 5; i++) {
        start(&sleepers[i], cache_some, NULL);
    }
    lunalloc_thread_t list[20];
    lunalloc_thread_cursor_t cursor = {0};
    size_t n = lunalloc_threads(&cursor, list, 20);
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    uint64_t cached = 0, requests = 0;
    for (size_t i = 0; i < n; i++) {
        cached += list[i].cached;
        requests += list[i].requests;
    }
    assert_int_equal(n, stats.nthreads);
    assert_int_equal(cached, stats.cached);
    assert_true(requests <= stats.nrequests);
    assert_int_equal(lunalloc_threads(&cursor, list, 20), 0);
    for (unsigned i = 0; i < 5; i++) {
        end(&sleepers[i]);
    }
}

/* Each thread once and in the order of birth, in batches of any size, while others end. */
static void
test_batches_resume(void **state) {
    (void)state;
    static sleeper_t sleepers[MANY];
    static lunalloc_thread_t list[2 * MANY];
    for (unsigned i = 0; i < MANY; i++) {
        start(&sleepers[i], cache_some, NULL);
    }
    for (size_t batch = 1; batch < 2 * MANY; batch += 39) {
        lunalloc_thread_cursor_t cursor = {0};
        size_t n = 0, got;
        while ((got = lunalloc_threads(&cursor, &list[n], batch)) > 0) {
            n += got;
        }
        assert_int_equal(n, MANY + 1);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(list[i + 1].tid, atomic_get(&sleepers[i].tid));
        }
    }
    lunalloc_thread_cursor_t cursor = {0};
    assert_int_equal(lunalloc_threads(&cursor, list, 50), 50);
    for (unsigned i = 0; i < 49; i++) {
        end(&sleepers[i]);
    }
    assert_int_equal(lunalloc_threads(&cursor, list, 200), MANY - 49);
    assert_int_equal(list[0].tid, atomic_get(&sleepers[49].tid));
    for (unsigned i = 49; i < MANY; i++) {
        end(&sleepers[i]);
    }
}

/* ---- idle time ---- */

static void
pass_time(void) {
    uint64_t began = clock_coarse_ns();
    while (clock_coarse_ns() - began < 20000000) {
        usleep(5000);
    }
}

static void
test_idle_time_rises_until_it_works(void **state) {
    (void)state;
    sleeper_t sleeper;
    uint64_t before = clock_coarse_ns();
    start(&sleeper, cache_some, NULL);
    uint64_t first = look(&sleeper).idle;
    assert_true(first <= clock_coarse_ns() - before);
    pass_time();
    uint64_t second = look(&sleeper).idle;
    assert_true(second >= first + 20000000);
    pass_time();
    assert_true(look(&sleeper).idle >= second + 20000000);
    go_on(&sleeper);
    assert_int_equal(look(&sleeper).idle, 0);
    pass_time();
    assert_in_range(look(&sleeper).idle, 20000000, clock_coarse_ns() - before - 40000000);
    end(&sleeper);
}

static void *to_free;

static void
free_one(void) {
    lunalloc_free(to_free);
    to_free = NULL;
}

/* A free that the cache takes counts no request. */
static void
test_a_thread_that_only_frees_is_not_idle(void **state) {
    (void)state;
    sleeper_t sleeper;
    if (config_torture) {
        skip(); /* caches are too small to take a free */
    }
    start(&sleeper, cache_some, NULL);
    look(&sleeper);
    pass_time();
    sleeper.work = free_one;
    to_free = lunalloc_malloc(SIZE);
    go_on(&sleeper);
    assert_int_equal(look(&sleeper).idle, 0);
    end(&sleeper);
}

static void
work_hard(void) {
    for (unsigned i = 0; i < 32 * 1000; i++) {
        lunalloc_free(lunalloc_malloc(SIZE));
    }
}

/* Before any list, a tick says when it last worked. */
static void
test_ticks_tell_the_first_list(void **state) {
    (void)state;
    sleeper_t sleeper;
    start(&sleeper, cache_some, NULL);
    pass_time();
    uint64_t before = clock_coarse_ns();
    sleeper.work = work_hard;
    go_on(&sleeper);
    assert_true(look(&sleeper).idle <= clock_coarse_ns() - before);
    end(&sleeper);
}

/* ---- requests ---- */

/* Takes the slow path, and leaves the cache as it is. */
static void
allocate_large(void) {
    lunalloc_free(lunalloc_malloc(1 << 20));
}

static void
test_behind_until_it_works(void **state) {
    (void)state;
    sleeper_t sleeper;
    start(&sleeper, work_hard, NULL);
    assert_false(look(&sleeper).behind);
    threads_request_flush();
    assert_true(look(&sleeper).behind);
    assert_true(look(&sleeper).cached > 0);
    sleeper.work = work_hard;
    go_on(&sleeper);
    assert_false(look(&sleeper).behind);
    end(&sleeper);
}

/* Of two threads that sleep, only the one that was asked flushes. */
static void
test_one_thread_is_asked_to_flush(void **state) {
    (void)state;
    static sleeper_t asked, other;
    start(&asked, cache_some, NULL);
    start(&other, cache_some, NULL);
    uint64_t before = look(&other).cached;
    assert_int_equal(lunalloc_ctl_set("arenas.tcache_flush_of", "1073741824", NULL, 0), EINVAL);
    char tid[16];
    snprintf(tid, sizeof tid, "%u", atomic_get(&asked.tid));
    must_set("arenas.tcache_flush_of", tid);
    assert_true(look(&asked).behind && look(&other).behind);
    asked.work = other.work = allocate_large;
    go_on(&asked);
    go_on(&other);
    assert_false(look(&asked).behind || look(&other).behind);
    assert_int_equal(look(&asked).cached, 0);
    assert_int_equal(look(&other).cached, before);
    end(&asked);
    end(&other);
}

/* There the forking thread alone is listed, under its new number. */
static void
test_the_child_of_a_fork(void **state) {
    (void)state;
    sleeper_t sleeper;
    start(&sleeper, cache_some, NULL);
    pid_t child = fork();
    if (child == 0) {
        lunalloc_thread_cursor_t cursor = {0};
        lunalloc_thread_t list[3];
        size_t n = lunalloc_threads(&cursor, list, 3);
        _exit(n == 1 && list[0].tid == (uint32_t)getpid() ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    end(&sleeper);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_with_its_cache_and_name),
        cmocka_unit_test(test_the_sum_is_that_of_the_statistics),
        cmocka_unit_test(test_batches_resume),
        cmocka_unit_test(test_idle_time_rises_until_it_works),
        cmocka_unit_test(test_a_thread_that_only_frees_is_not_idle),
        cmocka_unit_test(test_ticks_tell_the_first_list),
        cmocka_unit_test(test_behind_until_it_works),
        cmocka_unit_test(test_one_thread_is_asked_to_flush),
        cmocka_unit_test(test_the_child_of_a_fork),
    };
    return cmocka_run_group_tests(tests, boot_allocator, NULL);
}

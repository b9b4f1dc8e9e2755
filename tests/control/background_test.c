/* background_test.c -- background threads: on and off, what they give back and when, how many, under load. */
#include "background.h"

#include "control/background.h"
#include "extent/decay_pass.h"
#include "os/clock.h"
#include "os/thread_light.h"

#include <errno.h>

/* ---- on and off ---- */

static void
test_background_threads_none_when_off(void **state) {
    (void)state;
    assert_int_equal(number("background_thread"), 0);
    assert_int_equal(number("stats.background_thread.num_threads"), 0);
    make_dirty();
    assert_int_equal(purgers(), 0);
}

static void
test_background_threads_on_and_off_live(void **state) {
    (void)state;
    must_set("background_thread", "true");
    assert_int_equal(number("background_thread"), 1);
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    assert_true(purgers_become(1));
    must_set("background_thread", "true");
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    must_set("background_thread", "false");
    assert_int_equal(number("stats.background_thread.num_threads"), 0);
    assert_true(purgers_become(0));
}

static void *
switch_off_cancelled(void *arg) {
    char message[256];
    pthread_cancel(pthread_self());
    *(int *)arg = lunalloc_ctl_set("background_thread", "false", message, sizeof message);
    pthread_testcancel();
    *(int *)arg = -1;
    return NULL;
}

/* A thread that is to be cancelled first waits for the end of the other one: it has a lock. */
static void
test_switching_off_is_no_cancellation_point(void **state) {
    (void)state;
    pthread_t thread;
    void *result;
    int error = -2;
    must_set("background_thread", "true");
    make_dirty();
    assert_true(purgers_become(1));
    assert_int_equal(pthread_create(&thread, NULL, switch_off_cancelled, &error), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(error, 0);
    assert_true(purgers_become(0));
    must_set("background_thread", "true");
}

/* jemalloc's way of asking, with its types. */
static void
test_mallctl(void **state) {
    (void)state;
    bool on = true, old = true;
    size_t len = sizeof old, max = 0, max_len = sizeof max;
    assert_int_equal(mallctl("background_thread", &old, &len, &on, sizeof on), 0);
    assert_false(old);
    assert_int_equal(mallctl("background_thread", &old, &len, NULL, 0), 0);
    assert_true(old);
    assert_int_equal(mallctl("max_background_threads", &max, &max_len, NULL, 0), 0);
    assert_int_equal(max, 4);
}

static void
test_all_signals_are_blocked(void **state) {
    (void)state;
    char text[4096];
    const char *blocked = NULL;
    must_set("background_thread", "true");
    assert_true(purgers_become(1));
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; blocked == NULL && (task = readdir(tasks)) != NULL;) {
        blocked = is_purger(task->d_name, "status", text, sizeof text) ? strstr(text, "SigBlk:") : NULL;
    }
    closedir(tasks);
    assert_non_null(blocked);
    unsigned long long mask = strtoull(blocked + strlen("SigBlk:"), NULL, 16);
    for (int signal = 1; signal < 65; signal++) {
        bool free = signal == SIGKILL || signal == SIGSTOP || signal == 32 || signal == 33;
        assert_true(free || (mask >> (signal - 1) & 1) != 0);
    }
}

static int
write_number(const char *name, const char *value) {
    char message[256];
    return lunalloc_ctl_set(name, value, message, sizeof message);
}

static void
test_bad_values(void **state) {
    (void)state;
    char message[256] = "";
    assert_int_equal(lunalloc_ctl_set("max_background_threads", "0", message, sizeof message), EINVAL);
    assert_non_null(strstr(message, "64"));
    assert_int_equal(write_number("max_background_threads", "65"), EINVAL);
    assert_int_equal(write_number("background_thread", "perhaps"), EINVAL);
    assert_int_equal(number("max_background_threads"), 4);
    assert_int_equal(number("background_thread"), 0);
}

/* ---- an idle process ---- */

static void
test_idle_process_gives_memory_back(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    must_set("background_thread", "true");
    must_set("arena.4096.purge", NULL);
    settle();
    make_dirty();
    assert_true(dirty_becomes_less(1));
    assert_int_equal(number("background_thread"), 1);
}

static void
test_idle_process_gives_memory_back_by_decay_when_off(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    make_dirty();
    size_t before = dirty();
    assert_true(before >= BLOCKS * BLOCK / 2);
    nap(600);
    assert_int_equal(dirty(), before);
    must_set("arena.4096.decay", NULL);
    assert_int_equal(dirty(), 0);
}

static void
test_idle_process_purges_what_was_there_before(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    make_dirty();
    must_set("background_thread", "true");
    assert_true(dirty_becomes_less(1));
}

static void
test_decay_dirty_muzzy_retained_in_background(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("arena.4096.muzzy_decay_ms", "100");
    must_set("background_thread", "true");
    make_dirty();
    for (unsigned ms = 0; ms < PATIENCE && number("stats.dirty") + number("stats.muzzy") > 0; ms++) {
        nap(1);
    }
    assert_int_equal(number("stats.dirty") + number("stats.muzzy"), 0);
}

static void
test_shorter_decay_wakes(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "1000000000");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    assert_true(dirty() >= BLOCKS * BLOCK / 2);
    must_set("arena.4096.dirty_decay_ms", "400");
    assert_true(dirty_becomes_less(1));
}

static void
test_decay_from_never_wakes(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "-1");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    uint64_t runs = number("stats.background_thread.num_runs");
    make_dirty();
    assert_int_equal(number("stats.background_thread.num_runs"), runs);
    must_set("arena.4096.dirty_decay_ms", "300");
    assert_true(dirty_becomes_less(1));
}

/* Looking at the system's list of threads would allocate, and wake them. */
static bool
threads_end(void) {
    for (unsigned ms = 0; ms < PATIENCE && number("stats.background_thread.num_threads") > 0; ms++) {
        nap(1);
    }
    return number("stats.background_thread.num_threads") == 0;
}

/* One that has had nothing to do for long ends, and the next pages to decay start another. A free starts no thread of
 * the C library's, so one of these must not end between an allocation and its free. */
static void
test_background_threads_end_when_nothing_is_dirty(void **state) {
    (void)state;
    uint64_t linger = background_linger_ns;
    must_set("arena.4096.dirty_decay_ms", "100");
    background_linger_ns = os_thread_light_possible() ? 20000000 : UINT64_C(3000000000);
    must_set("background_thread", "true");
    make_dirty();
    assert_true(dirty_becomes_less(1));
    assert_true(threads_end());
    assert_int_equal(number("background_thread"), 1);
    for (unsigned i = 0; i < 20; i++) {
        make_dirty();
        assert_true(dirty_becomes_less(1));
        nap(i % 5 * 10);
    }
    assert_true(threads_end());
    assert_true(purgers_become(0));
    must_set("background_thread", "false");
    background_linger_ns = linger;
}

/* With nothing to wait for, a thread makes no round at all, however long it is there. */
static void
test_background_threads_sleep_without_a_deadline(void **state) {
    (void)state;
    must_set("background_thread", "true");
    must_set("arena.4096.purge", NULL);
    settle();
    uint64_t runs = number("stats.background_thread.num_runs");
    nap(300);
    assert_int_equal(number("stats.background_thread.num_runs"), runs);
}

static bool
rounds_pass(uint64_t n) {
    for (unsigned ms = 0; ms < PATIENCE && number("stats.background_thread.num_runs") < n; ms++) {
        nap(1);
    }
    return number("stats.background_thread.num_runs") >= n;
}

static void
test_statistics(void **state) {
    (void)state;
    uint64_t runs = number("stats.background_thread.num_runs");
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("background_thread", "true");
    make_dirty();
    assert_true(rounds_pass(runs + 3));
    assert_true(dirty_becomes_less(1));
    assert_true(number("stats.background_thread.run_interval") > 0);
}

/* Threads of the application count pages, and leave the purging to the thread. */
static void
test_ticks_do_not_purge(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "1000000000");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    page_alloc_t *pa = &arenas_get(0)->pages;
    size_t npages = atomic_get(&pa->dirty.extents.npages);
    uint64_t far = clock_ns() + UINT64_C(2000000000) * 1000000;
    assert_true(npages > 0);
    uint64_t deadline = atomic_get(&pa->deadline);
    pa_tick(pa, far);
    assert_int_equal(atomic_get(&pa->dirty.extents.npages), npages);
    assert_true(atomic_get(&pa->deadline) > deadline);
    must_set("background_thread", "false");
    pa_tick(pa, 2 * far);
    assert_int_equal(atomic_get(&pa->dirty.extents.npages), 0);
    must_set("arena.4096.dirty_decay_ms", "-1");
}

/* ---- several threads ---- */

static void
test_threads_up_to_the_maximum(void **state) {
    (void)state;
    unsigned arenas[WORKERS];
    must_set("max_background_threads", "3");
    must_set("background_thread", "true");
    must_set("arenas.dirty_decay_ms", "1000000000");
    for (unsigned i = 0; i < WORKERS; i++) {
        arenas[i] = dirty_arena();
    }
    assert_true(purgers_become(3));
    must_set("max_background_threads", "1");
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    assert_true(purgers_become(1));
    must_set("arena.4096.dirty_decay_ms", "300");
    assert_true(dirty_becomes_less(1));
    must_set("arenas.dirty_decay_ms", "10000");
    for (unsigned i = 0; i < WORKERS; i++) {
        destroy_arena(arenas[i]);
    }
}

/* ---- under load ---- */

static void
test_background_threads_on_and_off_under_load(void **state) {
    (void)state;
    pthread_t threads[WORKERS];
    must_set("arena.4096.dirty_decay_ms", "5");
    begin_load(threads);
    for (unsigned i = 0; i < (config_tsan ? 50 : 200); i++) {
        must_set("background_thread", "true");
        assert_int_equal(number("stats.background_thread.num_threads") > 0, true);
        must_set("max_background_threads", i % 2 == 0 ? "1" : "4");
        must_set("background_thread", "false");
        assert_int_equal(number("stats.background_thread.num_threads"), 0);
    }
    end_load(threads);
    check_arenas();
}

static void
test_change_of_decay_under_load(void **state) {
    (void)state;
    static const char *const times[] = {"1", "10000", "-1", "50", "0"};
    pthread_t threads[WORKERS];
    must_set("background_thread", "true");
    begin_load(threads);
    for (unsigned i = 0; i < 200; i++) {
        must_set("arena.4096.dirty_decay_ms", times[i % LENGTH(times)]);
        must_set("arena.4096.muzzy_decay_ms", times[i % 3]);
        nap(1);
    }
    end_load(threads);
    check_arenas();
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("arena.4096.muzzy_decay_ms", "0");
    assert_true(dirty_becomes_less(1));
}

/* Destroying an arena must wait for who is just purging it. */
static void
test_destroy_while_purging(void **state) {
    (void)state;
    must_set("background_thread", "true");
    must_set("arenas.dirty_decay_ms", "1");
    for (unsigned i = 0; i < 100; i++) {
        unsigned index = dirty_arena();
        nap(i % 3);
        destroy_arena(index);
        assert_int_equal(atomic_get(&arenas_get(index)->pages.mapped), 0);
    }
    must_set("arenas.dirty_decay_ms", "10000");
    check_arenas();
}

/* ---- arithmetic ---- */

static void
test_wake_time(void **state) {
    (void)state;
    const uint64_t ms = 1000000, now = 77 * ms;
    assert_int_equal(background_wake_time(now, now + 5 * ms), now + 5 * ms);
    assert_int_equal(background_wake_time(now, now + ms), now + ms);
    assert_int_equal(background_wake_time(now, now + 1), now + ms);
    assert_int_equal(background_wake_time(now, now), now + ms);
    assert_int_equal(background_wake_time(now, 0), now + ms);
    assert_true(background_wake_time(now, UINT64_MAX) == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, begin)

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_time),
        TEST(test_background_threads_none_when_off),
        TEST(test_background_threads_on_and_off_live),
        TEST(test_switching_off_is_no_cancellation_point),
        TEST(test_mallctl),
        TEST(test_all_signals_are_blocked),
        TEST(test_bad_values),
        TEST(test_idle_process_gives_memory_back),
        TEST(test_idle_process_gives_memory_back_by_decay_when_off),
        TEST(test_idle_process_purges_what_was_there_before),
        TEST(test_decay_dirty_muzzy_retained_in_background),
        TEST(test_shorter_decay_wakes),
        TEST(test_decay_from_never_wakes),
        TEST(test_background_threads_end_when_nothing_is_dirty),
        TEST(test_background_threads_sleep_without_a_deadline),
        TEST(test_statistics),
        TEST(test_ticks_do_not_purge),
        TEST(test_threads_up_to_the_maximum),
        TEST(test_background_threads_on_and_off_under_load),
        TEST(test_change_of_decay_under_load),
        TEST(test_destroy_while_purging),
    };
    return cmocka_run_group_tests_name("control/background", tests, boot_allocator, NULL);
}

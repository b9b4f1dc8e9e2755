/* prof_threads_test.c -- profiling and threads: every switch under load, threads' own switches and names, fork. */
#include "prof.h"

#include "../base/breathe.h"
#include "arena/arenas.h"
#include "extent/metadata.h"
#include "observe/prof_dump.h"
#include "os/unwind.h"

#include <glob.h>

enum {
    THREADS = 3,
    SLOTS = 500
};

static atomic_bool stop;
static atomic_uint began;

/* Contents are looked at, so that a block given twice is seen. */
static void
replace(void **slot, uint64_t *seed, uint64_t tag) {
    if (*slot != NULL) {
        thread_assert(pattern_holds(*slot, 16, tag));
        lunalloc_free(*slot);
    }
    size_t size = 16 + rnd_size(seed, 16);
    *slot = rnd_below(seed, 8) == 0 ? lunalloc_calloc(1, size) : lunalloc_malloc(size);
    thread_assert(*slot != NULL);
    if (rnd_below(seed, 8) == 0) {
        *slot = lunalloc_realloc(*slot, size * 2);
        thread_assert(*slot != NULL);
    }
    pattern_fill(*slot, 16, tag);
}

static void *
work(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    void *slots[SLOTS] = {NULL};
    atomic_add(&began, 1);
    while (!atomic_get(&stop)) {
        size_t i = rnd_below(&seed, SLOTS);
        replace(&slots[i], &seed, (uintptr_t)&slots[i]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        lunalloc_free(slots[i]);
    }
    return NULL;
}

static pthread_t threads[THREADS];

static void
start_load(void) {
    atomic_set(&stop, false);
    atomic_set(&began, 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    while (atomic_get(&began) < THREADS) {
        breathe(clock_ns());
    }
}

static void
end_load(void) {
    atomic_set(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_threads_well();
}

/* ---- switches ---- */

static char dump_name[64];

static void
switch_once(uint64_t *seed) {
    uint64_t at = clock_ns();
    switch (rnd_below(seed, 6)) {
    case 0:
        assert_int_equal(prof_set_active(false), 0);
        break;
    case 1:
        prof_reset((unsigned)rnd_below(seed, 20));
        break;
    case 2:
        prof_set_gdump(rnd_below(seed, 2) == 0);
        break;
    case 3:
        assert_int_equal(prof_dump(dump_name), 0);
        break;
    case 4:
        count_samples();
        break;
    default:
        assert_int_equal(prof_set_active(true), 0);
        break;
    }
    breathe(at);
}

/* What was dumped, under any name. */
static void
remove_dumps(void) {
    char pattern[sizeof dump_name + 1];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s*", dump_name);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            unlink(found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

static void
test_every_switch_under_load(void **state) {
    (void)state;
    uint64_t seed = 11;
    snprintf(dump_name, sizeof dump_name, "/tmp/prof_threads_test.%d", getpid());
    prof_dump_set_prefix(dump_name);
    start_load();
    for (unsigned i = 0; i < 100; i++) {
        switch_once(&seed);
        if (config_debug && i % 20 == 0) {
            arena_check(arenas_get(0));
        }
    }
    end_load();
    prof_set_gdump(false);
    remove_dumps();
    assert_int_equal(count_samples(), 0);
}

/* Threads that were there before follow within a countdown of each class. */
static void
test_threads_follow_the_switch(void **state) {
    (void)state;
    start_load();
    profile(8);
    for (uint64_t until = clock_ns() + UINT64_C(60000000000); count_samples() == 0 && clock_ns() < until;) {
        breathe(clock_ns());
    }
    assert_true(count_samples() > 0);
    end_load();
    assert_int_equal(count_samples(), 0);
}

/* ---- threads' own ---- */

static void *
allocate_unsampled(void *arg) {
    (void)arg;
    thread_assert(prof_thread_active());
    prof_thread_set_active(false);
    thread_assert(!prof_thread_active());
    for (size_t i = 0; i < 4 * TCACHE_PERIOD; i++) {
        void *p = lunalloc_malloc(100000);
        thread_assert(!is_sampled(p));
        lunalloc_free(p);
    }
    prof_thread_set_active(true);
    void *p = lunalloc_malloc(100000);
    thread_assert(is_sampled(p));
    lunalloc_free(p);
    return NULL;
}

static void *
allocate_by_default(void *expected) {
    void *p = lunalloc_malloc(100000);
    thread_assert(is_sampled(p) == (expected != NULL));
    lunalloc_free(p);
    return NULL;
}

static void
test_thread_switch(void **state) {
    (void)state;
    profile(0);
    run_thread(allocate_unsampled, NULL);
    prof_set_thread_active_init(false);
    run_thread(allocate_by_default, NULL);
    prof_set_thread_active_init(true);
    run_thread(allocate_by_default, state);
}

/* What is kept for a thread goes with it, or with the last of its samples, which may outlive it. */
static void *
leave_a_sample(void *block) {
    *(void **)block = lunalloc_malloc(5000);
    return NULL;
}

static size_t
metadata_after_threads(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        void *block = NULL;
        run_thread(leave_a_sample, &block);
        assert_true(is_sampled(block));
        lunalloc_free(block);
    }
    return metadata_bytes();
}

static void
test_samples_outlive_threads(void **state) {
    (void)state;
    profile(0);
    size_t before = metadata_after_threads(20);
    assert_int_equal(metadata_after_threads(200), before);
}

/* Born while threads were not sampled: the change that it makes is for others. */
static void *
born_unsampled(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(100));
    prof_set_thread_active_init(true);
    return allocate_by_default(NULL);
}

static void *
born_sampled(void *sampled) {
    lunalloc_free(lunalloc_malloc(100));
    prof_set_thread_active_init(false);
    return allocate_by_default(sampled);
}

static void
test_threads_stay_as_they_were_born(void **state) {
    profile(0);
    run_thread(born_sampled, state);
    assert_false(prof_thread_active_init());
    run_thread(born_unsampled, NULL);
    assert_true(prof_thread_active_init());
    assert_true(prof_thread_active());
}

static void *
check_names(void *arg) {
    (void)arg;
    char longest[PROF_NAME_MAX + 1];
    memset(longest, 'n', sizeof longest);
    longest[PROF_NAME_MAX] = '\0';
    thread_assert(strcmp(prof_thread_get_name(), "") == 0);
    thread_assert(prof_thread_set_name("one") == 0);
    thread_assert(prof_thread_set_name("line\n") == EINVAL);
    thread_assert(prof_thread_set_name(longest) == EINVAL);
    thread_assert(strcmp(prof_thread_get_name(), "one") == 0);
    thread_assert(prof_thread_set_name(longest + 1) == 0);
    thread_assert(strcmp(prof_thread_get_name(), longest + 1) == 0);
    thread_assert(prof_thread_set_name("two") == 0);
    thread_assert(strcmp(prof_thread_get_name(), "two") == 0);
    return NULL;
}

static void
test_thread_names(void **state) {
    (void)state;
    run_thread(check_names, NULL);
}

/* ---- many of everything ---- */

static void *
come_and_go(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < 20; i++) {
        lunalloc_free(lunalloc_malloc(100));
    }
    return NULL;
}

/* Nothing is left of threads without samples: the memory of a thousand serves ten thousand. */
static void
test_threads_come_and_go(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    profile(0);
    for (unsigned i = 0; i < 1000; i++) {
        run_thread(come_and_go, NULL);
        if (i == 99) {
            lunalloc_stats(LUNALLOC_ALL, &before);
        }
    }
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.metadata - before.metadata < 64 << 10);
}

/* ---- fork ---- */

static void
use_in_child(void *arg) {
    (void)arg;
    void *p = sampled_malloc(1000);
    child_assert(p != NULL);
    lunalloc_free(p);
    child_assert(prof_dump(dump_name) == 0);
    child_assert(prof_set_active(false) == 0);
    prof_reset(10);
    child_assert(count_samples() == 0);
}

static void
test_fork_under_load(void **state) {
    (void)state;
    start_load();
    profile(6);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t at = clock_ns();
        outcome_t out = in_child(use_in_child, NULL);
        assert_child_well(&out);
        breathe(at);
    }
    end_load();
    remove_dumps();
}

static _Atomic bool looking;

static void *
look_at_objects(void *arg) {
    (void)arg;
    while (atomic_get(&looking)) {
        unwind_changes();
    }
    return NULL;
}

/* Some of the children are made while the thread holds the lock of loaded objects. */
static void
look_in_child(void *arg) {
    (void)arg;
    alarm(20);
    unwind_changes();
    unwind_rule((uintptr_t)look_in_child + 1);
    use_in_child(arg);
}

static void
test_fork_while_a_thread_looks_at_objects(void **state) {
    (void)state;
    pthread_t thread;
    profile(6);
    assert_true(unwind_load());
    atomic_set(&looking, true);
    assert_int_equal(pthread_create(&thread, NULL, look_at_objects, NULL), 0);
    for (unsigned i = 0; i < 32; i++) {
        outcome_t out = in_child(look_in_child, NULL);
        assert_child_well(&out);
    }
    atomic_set(&looking, false);
    pthread_join(thread, NULL);
    remove_dumps();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_switch_under_load, profile_off),
        cmocka_unit_test_teardown(test_threads_follow_the_switch, profile_off),
        cmocka_unit_test_teardown(test_thread_switch, profile_off),
        cmocka_unit_test_teardown(test_threads_stay_as_they_were_born, profile_off),
        cmocka_unit_test_teardown(test_samples_outlive_threads, profile_off),
        cmocka_unit_test_teardown(test_thread_names, profile_off),
        cmocka_unit_test_teardown(test_threads_come_and_go, profile_off),
        cmocka_unit_test_teardown(test_fork_under_load, profile_off),
        cmocka_unit_test_teardown(test_fork_while_a_thread_looks_at_objects, profile_off),
    };
    return cmocka_run_group_tests_name("observe/prof_threads", tests, boot_allocator, NULL);
}

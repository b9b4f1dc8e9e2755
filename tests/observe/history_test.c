/* history_test.c -- the rings of moments and marks: their ends, what is marked, fork, and figures that are refused. */
#include "../api/support.h"
#include "extent/metadata.h"
#include "observe/history.h"
#include "os/clock.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static lunalloc_moment_t moments[HISTORY_MOMENTS + 10];
static lunalloc_mark_t marks[HISTORY_MARKS + 10];

static void
tick(unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        history_tick();
    }
}

static size_t
all_moments(void) {
    return lunalloc_moments(&(lunalloc_history_cursor_t){0}, moments, HISTORY_MOMENTS + 10);
}

static size_t
all_marks(void) {
    return lunalloc_marks(&(lunalloc_history_cursor_t){0}, marks, HISTORY_MARKS + 10);
}

/* ---- memory ---- */

/* The first test: nothing has ticked yet. */
static void
test_nothing_before_the_first_tick(void **state) {
    (void)state;
    size_t before = metadata_bytes();
    assert_false(history_is_kept());
    must_set("arenas.junk", "false");
    assert_int_equal(all_moments() + all_marks(), 0);
    assert_int_equal(metadata_bytes(), before);
}

static void
test_the_memory_is_bounded(void **state) {
    (void)state;
    size_t before = metadata_bytes();
    tick(2 * HISTORY_MOMENTS);
    for (unsigned i = 0; i < 2 * HISTORY_MARKS; i++) {
        history_mark("name", "value");
    }
    assert_true(metadata_bytes() > before);
    assert_true(metadata_bytes() - before <= HISTORY_BYTES);
}

/* ---- moments ---- */

/* Leaves one in forty of many blocks, and gives the other pages of their slabs back. */
static void
discard_pages(void) {
    static void *spread[8000];
    for (size_t i = 0; i < 8000; i++) {
        spread[i] = lunalloc_malloc(448);
    }
    for (size_t i = 0; i < 8000; i++) {
        if (i % 40 != 0) {
            lunalloc_free(spread[i]);
        }
    }
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    assert_int_equal(lunalloc_ctl_set("arena.4096.purge_slabs", NULL, NULL, 0), 0);
}

static void
test_a_moment_has_the_figures(void **state) {
    (void)state;
    char *block = lunalloc_malloc(16 << 20);
    memset(block, 1, 16 << 20);
    discard_pages();
    tick(1);
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    assert_true(all_moments() > 0);
    const lunalloc_moment_t *last = &moments[all_moments() - 1];
    assert_true(last->time <= stats.time && stats.time - last->time < UINT64_C(100000000000));
    assert_int_equal(last->allocated, stats.allocated);
    assert_int_equal(last->active, stats.active);
    assert_int_equal(last->dirty, stats.dirty);
    assert_int_equal(last->muzzy, stats.muzzy);
    assert_int_equal(last->retained, stats.retained);
    assert_int_equal(last->discarded, stats.discarded);
    assert_int_equal(last->requests, stats.nrequests);
    assert_in_range(last->rss, 16 << 20, UINT64_C(1) << 40);
    assert_in_range(last->faults, 1, UINT64_C(1) << 40);
    lunalloc_free(block);
}

static void
test_moments_wrap(void **state) {
    (void)state;
    tick(100);
    uint64_t then = clock_ns();
    tick(HISTORY_MOMENTS - 1);
    assert_int_equal(all_moments(), HISTORY_MOMENTS);
    assert_true(moments[0].time <= then && moments[1].time >= then);
    for (unsigned i = 1; i < HISTORY_MOMENTS; i++) {
        assert_true(moments[i - 1].time <= moments[i].time);
    }
    tick(1);
    assert_int_equal(all_moments(), HISTORY_MOMENTS);
    assert_true(moments[0].time >= then);
}

/* A kept cursor returns what is new; one that is too old, what is left. */
static void
test_cursors(void **state) {
    (void)state;
    lunalloc_history_cursor_t cursor = {0}, old = {0};
    while (lunalloc_moments(&cursor, moments, 7) > 0) {
    }
    assert_int_equal(lunalloc_moments(&cursor, moments, 7), 0);
    tick(3);
    assert_int_equal(lunalloc_moments(&cursor, moments, 7), 3);
    assert_int_equal(lunalloc_moments(&old, moments, 1), 1);
    tick(2 * HISTORY_MOMENTS);
    assert_int_equal(lunalloc_moments(&old, moments, HISTORY_MOMENTS + 10), HISTORY_MOMENTS);
    assert_int_equal(lunalloc_moments(&cursor, moments, 130), 130);
    assert_int_equal(lunalloc_moments(&cursor, moments, HISTORY_MOMENTS), HISTORY_MOMENTS - 130);
}

/* ---- marks ---- */

static void
test_writes_are_marked(void **state) {
    (void)state;
    size_t size = sizeof(ssize_t);
    ssize_t ms = 700, old;
    must_set("arena.0.dirty_decay_ms", "5s");
    must_set("arenas.junk", "alloc");
    must_set("arenas.junk", "false");
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &size, &ms, sizeof ms), 0);
    assert_int_equal(mallctl("arena.0.purge", NULL, NULL, NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_set("arenas.tcache_flush", NULL, NULL, 0), 0);
    size_t n = all_marks();
    assert_true(n >= 6);
    const lunalloc_mark_t *last = &marks[n - 6];
    static const char *const expected[][2] = {
        {"arena.0.dirty_decay_ms", "5000"}, {"arenas.junk", "alloc"}, {"arenas.junk", "false"},
        {"arena.0.dirty_decay_ms", "700"},  {"arena.0.purge", ""},    {"arenas.tcache_flush", ""},
    };
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(last[i].name, expected[i][0]);
        assert_string_equal(last[i].value, expected[i][1]);
        assert_true(i == 0 || last[i - 1].time <= last[i].time);
    }
    must_set("arena.0.dirty_decay_ms", "10000");
}

/* Neither what fails, nor what is read, nor what monitors and threads do all the time. */
static void
test_what_is_not_marked(void **state) {
    (void)state;
    lunalloc_value_t value;
    uint64_t epoch = 1;
    lunalloc_history_cursor_t cursor = {0};
    while (lunalloc_marks(&cursor, marks, HISTORY_MARKS) > 0) {
    }
    assert_int_equal(lunalloc_ctl_set("arena.0.dirty_decay_ms", "-2", NULL, 0), EINVAL);
    assert_int_equal(lunalloc_ctl_set("arena.9.purge", NULL, NULL, 0), ENOENT);
    assert_int_equal(lunalloc_ctl_get("arena.0.dirty_decay_ms", &value, NULL, 0), 0);
    assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof epoch), 0);
    assert_int_equal(lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_set("thread.tcache.enabled", "true", NULL, 0), 0);
    assert_int_equal(lunalloc_marks(&cursor, marks, 1), 0);
    must_set("arenas.junk", "false");
    assert_int_equal(lunalloc_marks(&cursor, marks, 1), 1);
}

static void
test_marks_wrap_and_are_cut(void **state) {
    (void)state;
    char number[8], name[LUNALLOC_MARK_NAME + 20], value[LUNALLOC_MARK_VALUE + 20];
    for (unsigned i = 0; i < HISTORY_MARKS + 5; i++) {
        snprintf(number, sizeof number, "%u", i);
        history_mark("count", number);
    }
    assert_int_equal(all_marks(), HISTORY_MARKS);
    assert_string_equal(marks[0].value, "5");
    assert_string_equal(marks[HISTORY_MARKS - 1].value, "1004");
    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value);
    name[sizeof name - 1] = value[sizeof value - 1] = '\0';
    history_mark(name, value);
    assert_int_equal(all_marks(), HISTORY_MARKS);
    assert_int_equal(strlen(marks[HISTORY_MARKS - 1].name), LUNALLOC_MARK_NAME - 1);
    assert_int_equal(strlen(marks[HISTORY_MARKS - 1].value), LUNALLOC_MARK_VALUE - 1);
}

/* ---- fork, and a system that refuses ---- */

static void
expect_success(void (*act)(void)) {
    pid_t child = fork();
    if (child == 0) {
        act();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
begin_anew(void) {
    lunalloc_history_cursor_t cursor = {.next = 1000};
    size_t kept = all_moments() + all_marks();
    history_mark("count", "1");
    kept += all_marks();
    tick(2);
    history_mark("count", "2");
    bool one = all_marks() == 1 && strcmp(marks[0].value, "2") == 0;
    bool two = all_moments() == 2 && lunalloc_moments(&cursor, moments, 10) == 2;
    _exit(kept == 0 && one && two ? 0 : 1);
}

static void
test_the_child_of_a_fork_begins_anew(void **state) {
    (void)state;
    tick(5);
    history_mark("count", "0");
    size_t n = all_moments(), m = all_marks();
    assert_true(n >= 5 && m >= 1);
    size_t before = metadata_bytes();
    expect_success(begin_anew);
    assert_int_equal(all_moments(), n);
    assert_int_equal(all_marks(), m);
    assert_int_equal(metadata_bytes(), before);
}

/* From now on openat and getrusage fail with EPERM. */
static bool
refuse_calls(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrusage, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void
tick_refused(void) {
    tick(1);
    bool told = all_moments() == 1 && moments[0].rss != LUNALLOC_ABSENT && moments[0].faults != LUNALLOC_ABSENT;
    if (!refuse_calls()) {
        _exit(2);
    }
    tick(1);
    bool absent = all_moments() == 2 && moments[1].rss == LUNALLOC_ABSENT && moments[1].faults == LUNALLOC_ABSENT;
    _exit(told && absent && moments[1].active > 0 ? 0 : 1);
}

static void
test_refused_figures_are_absent(void **state) {
    (void)state;
    if (config_asan) {
        skip(); /* its runtime opens files */
    }
    expect_success(tick_refused);
}

/* ---- readers beside writers ---- */

static _Atomic bool stop;

static void *
mark_all_the_time(void *arg) {
    (void)arg;
    for (unsigned i = 0; !atomic_get(&stop); i++) {
        history_mark(i % 2 ? "odd" : "even", i % 2 ? "1" : "2");
        if (i % 16 == 0) {
            history_tick();
        }
    }
    return NULL;
}

static void
test_copies_are_whole(void **state) {
    (void)state;
    pthread_t thread;
    atomic_set(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, mark_all_the_time, NULL), 0);
    lunalloc_history_cursor_t cursor = {0};
    for (unsigned seen = 0; seen < 20000;) {
        size_t n = lunalloc_marks(&cursor, marks, 100);
        for (size_t i = 0; i < n; i++) {
            assert_true(marks[i].name[0] != 'o' || strcmp(marks[i].value, "1") == 0);
            assert_true(marks[i].name[0] != 'e' || strcmp(marks[i].value, "2") == 0);
        }
        seen += (unsigned)n;
        all_moments();
    }
    atomic_set(&stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_before_the_first_tick),
        cmocka_unit_test(test_the_memory_is_bounded),
        cmocka_unit_test(test_a_moment_has_the_figures),
        cmocka_unit_test(test_moments_wrap),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_writes_are_marked),
        cmocka_unit_test(test_what_is_not_marked),
        cmocka_unit_test(test_marks_wrap_and_are_cut),
        cmocka_unit_test(test_the_child_of_a_fork_begins_anew),
        cmocka_unit_test(test_refused_figures_are_absent),
        cmocka_unit_test(test_copies_are_whole),
    };
    return cmocka_run_group_tests(tests, boot_allocator, NULL);
}
